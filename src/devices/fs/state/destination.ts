import type { ContentStore } from '../contents/store.ts';
import { type FileSystemLimits, MAX_HANDLES } from '../limits.ts';
import { MAX_LOCKS } from '../locks/limits.ts';
import type { FuseSession } from '../tree/file-system.ts';
import { FsRefusal } from './errors.ts';
import type { Totals } from './load-head.ts';

/** What the device that takes a state has, and can do for the guest. */
export interface Destination {
  /** Bytes for contents: `--memory`. */
  readonly memory: number;
  /** Where the contents go, of `memory` bytes: taken once, and owned by the loaded state. A new store unless given. */
  readonly takeContents?: () => ContentStore;
  readonly limits: FileSystemLimits;
  /** What it can agree on in FUSE_INIT. */
  readonly init: {
    readonly oldestMinor: number;
    readonly minor: number;
    readonly flags: bigint;
    readonly maxWrite: number;
    /** Names of FUSE_INIT flags, for messages. */
    readonly names: Readonly<Record<string, bigint>>;
  };
}

/** Throw a `FsRefusal` where a state with these totals does not fit. */
export function refuseTotals(totals: Totals, { memory, limits }: Destination): void {
  if (memory < totals.memory)
    throw new FsRefusal(
      'ERR_FS_MEMORY',
      `The file system has ${totals.memory} bytes for contents at the source and ${memory} here: start this device with --memory ${totals.memory} or more`,
    );
  refuseMore('inodes', totals.inodes, limits.inodes);
  refuseMore('directory entries', totals.entries, limits.inodes);
  refuseMore('extended attributes', totals.xattrs, limits.xattrBytes);
  refuseMore('open handles', totals.handles, MAX_HANDLES);
  refuseMore('locks', totals.locks, MAX_LOCKS);
}

/** Throw a `FsRefusal` where this device cannot keep what was agreed on with the guest's kernel. */
export function refuseOptions(session: FuseSession, { init }: Pick<Destination, 'init'>): void {
  if (session.minor > init.minor || session.minor < init.oldestMinor)
    throw new FsRefusal(
      'ERR_FS_OPTION',
      `The guest speaks FUSE 7.${session.minor}, this device 7.${init.oldestMinor} to 7.${init.minor}`,
    );
  const missing = session.flags & ~init.flags;
  if (missing !== 0n)
    throw new FsRefusal(
      'ERR_FS_OPTION',
      `The guest was promised FUSE_INIT options that this device does not have: ${flagNames(missing, init.names)}`,
    );
  if (session.maxWrite > init.maxWrite)
    throw new FsRefusal(
      'ERR_FS_OPTION',
      `The guest was promised writes of up to ${session.maxWrite} bytes, this device takes ${init.maxWrite}`,
    );
}

function flagNames(flags: bigint, names: Readonly<Record<string, bigint>>): string {
  const found: string[] = [];
  let rest = flags;
  for (const [name, bit] of Object.entries(names)) {
    if ((rest & bit) === 0n) continue;
    found.push(name);
    rest &= ~bit;
  }
  if (rest !== 0n) found.push(`0x${rest.toString(16)}`);
  return found.join(', ');
}

/** Throw a `FsRefusal` where there is more of something than this device takes. */
export function refuseMore(what: string, found: number, limit: number): void {
  if (found > limit)
    throw new FsRefusal('ERR_FS_LIMIT', `The state has ${found} ${what}, this device takes ${limit}`);
}
