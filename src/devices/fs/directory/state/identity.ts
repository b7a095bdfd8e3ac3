import { fileScratch, fileStatus, takeFileHandle } from '../../../../sys/index.ts';
import { FileType } from '../../tree/inode.ts';

/** What tells a file of a host apart from others. */
export interface FileIdentity {
  readonly inoLow: number;
  readonly inoHigh: number;
  /** Type and permissions, as `st_mode`. */
  readonly mode: number;
  /** Of device nodes, as the kernel encodes it; otherwise 0. */
  readonly rdev: number;
  /** Bytes; 0 for directories, whose size means something else on each file system. */
  readonly size: number;
  readonly mtime: number;
  readonly mtimeNanos: number;
  /** When the inode was made; 0 and 0 where the file system does not keep that. */
  readonly btime: number;
  readonly btimeNanos: number;
  /** What name_to_handle_at(2) gives, type first; empty where there is none, or no need of it. */
  readonly handle: Uint8Array;
}

/** The file that `fileStatus` describes and that `fd` is open on; its file handle only where it is asked for. */
export function identityOf(fd: number, withHandle: boolean): FileIdentity {
  const { inoLow, inoHigh, mode, mtime, mtimeNanos, btime, btimeNanos } = fileStatus;
  return {
    ...{ inoLow, inoHigh, mode, mtime, mtimeNanos, btime, btimeNanos },
    rdev: describedDevice(),
    size: describedSize(),
    handle: withHandle ? handleOf(fd).slice() : NONE,
  };
}

const NONE = new Uint8Array(0);
/** Bytes of a struct file_handle before its type. */
const LENGTH_FIELD = 4;

/** The file handle of what `fd` is open on, good until the next call; empty where there is none. */
export function handleOf(fd: number): Uint8Array {
  const length = fd < 0 ? 0 : takeFileHandle(fd);
  return length <= 0 ? NONE : fileScratch.handle.bytes.subarray(LENGTH_FIELD, length);
}

/** The size of the file that `fileStatus` describes; 0 of a directory. */
export function describedSize(): number {
  return fileStatus.type === FileType.directory ? 0 : fileStatus.size;
}

/** What the node that `fileStatus` describes stands for, as the kernel encodes it; 0 of what is no device node. */
export function describedDevice(): number {
  const { type, rdevMajor, rdevMinor } = fileStatus;
  if (type !== FileType.character && type !== FileType.block) return 0;
  return ((rdevMinor & 0xff) | ((rdevMajor & 0xfff) << 8) | ((rdevMinor & ~0xff) << 12)) >>> 0;
}

/**
 * How sure the destination has to be that it has found the source's file:
 *
 * - `inode`: it is the very same one. Inode number and time of birth agree, or the file system's own handle where it keeps
 *   no time of birth: an inode number alone is soon given to another file. Holds on one host, and on hosts with one shared file system.
 *   Contents are not compared: others may work on the directory at the same time.
 * - `copy`: it is a good copy. Size, and time of the last change to the contents, agree for regular files; the device
 *   number for device nodes. For a folder that is replicated file by file, where inodes differ.
 * - `path`: a file of the same type is where it was. Whoever asks for this vouches for the contents.
 */
export const IDENTITIES = ['inode', 'copy', 'path'] as const;

export type Identity = (typeof IDENTITIES)[number];

/** What stands against `found` being the file that is `expected`, in words; undefined when nothing does. */
export function differenceOf(
  found: FileIdentity,
  expected: FileIdentity,
  level: Identity,
): string | undefined {
  if (typeOf(found) !== typeOf(expected)) return differ(nameOf(found), nameOf(expected));
  if (level === 'inode') return differenceOfInodes(found, expected);
  if (level === 'copy') return differenceOfCopies(found, expected);
  return undefined;
}

function differenceOfInodes(found: FileIdentity, expected: FileIdentity): string | undefined {
  if (found.inoLow !== expected.inoLow || found.inoHigh !== expected.inoHigh)
    return differ(`inode ${ino(found)}`, `inode ${ino(expected)}`);
  const bothBorn = isKnown(found) && isKnown(expected);
  if (bothBorn && (found.btime !== expected.btime || found.btimeNanos !== expected.btimeNanos))
    return differ(
      `inode ${ino(found)} made at ${tell(found.btime, found.btimeNanos)}`,
      `the one made at ${tell(expected.btime, expected.btimeNanos)}`,
    );
  const bothHandled = found.handle.length > 0 && expected.handle.length > 0;
  if (bothHandled && Buffer.compare(found.handle, expected.handle) !== 0)
    return differ(
      `inode ${ino(found)} with file handle ${hex(found.handle)}`,
      `the one with ${hex(expected.handle)}`,
    );
  return undefined;
}

function differenceOfCopies(found: FileIdentity, expected: FileIdentity): string | undefined {
  const type = typeOf(found);
  if (found.rdev !== expected.rdev)
    return differ(`device 0x${found.rdev.toString(16)}`, `device 0x${expected.rdev.toString(16)}`);
  if (type !== FileType.regular) return undefined;
  if (found.size !== expected.size) return differ(`${found.size} bytes`, `${expected.size} bytes`);
  // Some ways of copying keep whole seconds only.
  const nanos = found.mtimeNanos === 0 ? 0 : expected.mtimeNanos;
  if (found.mtime !== expected.mtime || found.mtimeNanos !== nanos)
    return differ(
      `contents last changed at ${tell(found.mtime, found.mtimeNanos)}`,
      `last changed at ${tell(expected.mtime, expected.mtimeNanos)}`,
    );
  return undefined;
}

function differ(found: string, expected: string): string {
  return `found ${found}, expected ${expected}`;
}

function typeOf({ mode }: FileIdentity): number {
  return mode & FileType.mask;
}

function isKnown({ btime, btimeNanos }: FileIdentity): boolean {
  return btime !== 0 || btimeNanos !== 0;
}

function ino({ inoLow, inoHigh }: FileIdentity): bigint {
  return (BigInt(inoHigh) << 32n) | BigInt(inoLow);
}

/** Seconds between the epoch and the last moment that a `Date` can have. */
const LAST_DAY = 8_640_000_000_000;

/** The time in UTC to the nanosecond; beyond what a calendar has, the seconds since the epoch. */
function tell(seconds: number, nanos: number): string {
  const fraction = String(nanos).padStart(9, '0');
  if (Math.abs(seconds) > LAST_DAY) return `${seconds}.${fraction}`;
  return `${new Date(seconds * 1000).toISOString().slice(0, -'.000Z'.length)}.${fraction}Z`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

const TYPE_NAMES = new Map<number, string>([
  [FileType.socket, 'a socket'],
  [FileType.symlink, 'a symbolic link'],
  [FileType.regular, 'a regular file'],
  [FileType.block, 'a block device'],
  [FileType.directory, 'a directory'],
  [FileType.character, 'a character device'],
  [FileType.fifo, 'a pipe'],
]);

function nameOf(identity: FileIdentity): string {
  return TYPE_NAMES.get(typeOf(identity)) ?? `type 0${typeOf(identity).toString(8)}`;
}
