import { MAX_LOCKS } from '../locks/limits.ts';
import { isValid, LockType } from '../locks/lock.ts';
import type { LockTable } from '../locks/table.ts';
import { OpenDirectory, OpenFile } from '../tree/handles.ts';
import { inodeOf } from './load-tree.ts';
import type { LoadedState } from './loaded-state.ts';
import type { RecordFields } from './record-fields.ts';
import { HandleKind, LockKind } from './sections.ts';

/** A handle as it was saved. */
export interface SavedHandle {
  readonly handle: number;
  /** What it is open on. */
  readonly node: number;
  /** As given to open(2). */
  readonly flags: number;
  /** One of `HandleKind`, or anything else. */
  readonly kind: number;
  /** In a directory. */
  readonly position: bigint;
  /** Whose record locks were taken through it; undefined when there are none. */
  readonly owners: Set<bigint> | undefined;
}

/** Read the next handle of a record. */
export function decodeHandle(fields: RecordFields, nextHandle: number): SavedHandle {
  const handle = fields.u64('handle');
  if (handle === 0 || handle >= nextHandle)
    throw fields.error('ERR_FS_STATE_VALUE', 'handle', `${handle}, expected 1 to ${nextHandle - 1}`);
  const node = fields.u64('ino');
  const flags = fields.u32('flags');
  const kind = fields.u32('kind');
  const position = fields.big('position');
  return { handle, node, flags, kind, position, owners: decodeOwners(fields) };
}

/** Take in the handles of a record. */
export function loadHandles(state: LoadedState, fields: RecordFields): void {
  const { fileSystem, seen, totals } = state;
  while (fields.remaining > 0) {
    if (seen.handles++ >= totals.handles)
      throw fields.error('ERR_FS_STATE_COUNT', 'handle', `more handles than the ${totals.handles} announced`);
    const { handle, node, flags, kind, position, owners } = decodeHandle(fields, totals.nextHandle);
    if (fileSystem.files.has(handle) || fileSystem.directories.has(handle))
      throw fields.error('ERR_FS_STATE_DUPLICATE', 'handle', `${handle} came before`);
    const inode = fileSystem.inodes.get(node);
    if (inode === undefined) throw fields.error('ERR_FS_STATE_REFERENCE', 'ino', `there is no inode ${node}`);
    if (kind === HandleKind.file && inode.content !== undefined && position === 0n)
      fileSystem.restoreFile(new OpenFile(handle, inode, flags)).lockOwners = owners;
    else if (
      kind === HandleKind.directory &&
      inode.directory !== undefined &&
      owners === undefined &&
      position <= Number.MAX_SAFE_INTEGER
    )
      fileSystem.restoreDirectory(new OpenDirectory(handle, inode, flags)).position = Number(position);
    else
      throw fields.error(
        'ERR_FS_STATE_REFERENCE',
        'kind',
        `handle ${handle} of kind ${kind} on inode ${inode.ino} with mode 0${inode.mode.toString(8)}`,
      );
  }
}

function decodeOwners(fields: RecordFields): Set<bigint> | undefined {
  const count = fields.u32('ownerCount');
  if (count === 0) return undefined;
  if (count > MAX_LOCKS)
    throw fields.error('ERR_FS_STATE_VALUE', 'ownerCount', `${count}, at most ${MAX_LOCKS}`);
  const owners = new Set<bigint>();
  for (let i = 0; i < count; i++) owners.add(fields.big('owner'));
  if (owners.size < count) throw fields.error('ERR_FS_STATE_DUPLICATE', 'owner', 'an owner came twice');
  return owners;
}

/** Where the locks of a state go, how many came and how many were announced. */
export interface LoadingLocks {
  readonly locks: LockTable;
  readonly seen: { locks: number };
  readonly totals: { readonly locks: number };
}

/** Take in the locks of a record. */
export function loadLocks(state: LoadedState, fields: RecordFields): void {
  const { fileSystem, seen, totals } = state;
  const { locks } = fileSystem;
  takeLocks({ locks, seen, totals }, fields, () => inodeOf(state, fields, 'ino').ino);
}

/** Take in the locks of a record; `nodeOf` reads the number of the inode that the next one is on, and checks it. */
export function takeLocks(
  { locks, seen, totals }: LoadingLocks,
  fields: RecordFields,
  nodeOf: () => number,
): void {
  while (fields.remaining > 0) {
    if (seen.locks++ >= totals.locks)
      throw fields.error('ERR_FS_STATE_COUNT', 'ino', `more locks than the ${totals.locks} announced`);
    const ino = nodeOf();
    const owner = fields.big('owner');
    const start = fields.big('start');
    const end = fields.big('end');
    const type = fields.u32('type');
    const pid = fields.u32('pid');
    const kind = fields.u32('kind');
    fields.zero('reserved');
    const lock = { owner, start, end, type, pid };
    let taken = false;
    if (type !== LockType.unlock && isValid(lock)) {
      if (kind === LockKind.record) {
        locks.restoreRecord(ino, lock);
        taken = true;
      } else if (kind === LockKind.file && start === 0n && end === 0n && pid === 0)
        taken = locks.setFile(ino, { owner, type }) === 0;
    }
    if (!taken)
      throw fields.error(
        'ERR_FS_STATE_VALUE',
        'kind',
        `kind ${kind}, type ${type}, bytes ${start} to ${end} of ${ino}`,
      );
    if (locks.held !== seen.locks)
      throw fields.error(
        'ERR_FS_STATE_DUPLICATE',
        'owner',
        `${owner} had a lock of this kind on inode ${ino} before`,
      );
  }
}
