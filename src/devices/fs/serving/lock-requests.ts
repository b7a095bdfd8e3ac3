import {
  type Exchange,
  FlushIn,
  InterruptIn,
  LOCK_FLOCK,
  LockIn,
  LockOut,
  Outcome,
  ReleaseFlag,
  ReleaseIn,
  writeStatus,
} from '../../../fuse/index.ts';
import { Errno } from '../../../sys/index.ts';
import { LockType, type RecordLock } from '../locks/lock.ts';
import type { LockAnswer } from '../locks/table.ts';
import type { LockHolder, Served, Serving } from './serving.ts';

const at = LockIn.offsets;

function lockIn(x: Exchange): RecordLock {
  return {
    owner: x.big(at.owner),
    start: x.big(at.start),
    end: x.big(at.end),
    type: x.u32(at.type),
    pid: x.u32(at.pid),
  };
}

/** GETLK: the lock that stands against the one asked for; type "unlock" when there is none. */
export function getlk<F extends Served>(serving: Serving<F>, x: Exchange): number {
  if (serving.fileSystem.fileOf(x.node, x.u64(at.handle)) === undefined) return -Errno.EBADF;
  const wanted = lockIn(x);
  const { start, end, type, pid } = serving.fileSystem.locks.testRecord(x.node, wanted) ?? {
    ...wanted,
    type: LockType.unlock,
  };
  LockOut.encodeInto({ start, end, type, pid }, x.body);
  return LockOut.size;
}

/** SETLK: take, change or release a lock at once. */
export function setlk<F extends Served>(serving: Serving<F>, x: Exchange): number {
  const file = serving.fileSystem.fileOf(x.node, x.u64(at.handle));
  if (file === undefined) return -Errno.EBADF;
  const { locks } = serving.fileSystem;
  const lock = lockIn(x);
  if (x.u32(at.lockFlags) & LOCK_FLOCK) return locks.setFile(x.node, lock);
  const result = locks.setRecord(x.node, lock);
  if (result === 0) remember(file, lock);
  return result;
}

/** SETLKW: as SETLK, but the answer waits until the lock can be had, or until an INTERRUPT comes. */
export function setlkw<F extends Served>(serving: Serving<F>, x: Exchange): number {
  const file = serving.fileSystem.fileOf(x.node, x.u64(at.handle));
  if (file === undefined) return -Errno.EBADF;
  const { waits, request } = serving;
  const { locks } = serving.fileSystem;
  const { unique } = x;
  if (waits.has(unique)) return -Errno.EINVAL;
  const lock = lockIn(x);
  const flock = (x.u32(at.lockFlags) & LOCK_FLOCK) !== 0;
  const answer: LockAnswer = (error) => {
    waits.delete(unique);
    if (error === 0 && !flock) remember(file, lock);
    writeStatus(deferred.writable, unique, error);
    deferred.complete();
  };
  const waiter = flock ? locks.waitFile(x.node, lock, answer) : locks.waitRecord(x.node, lock, answer);
  if (typeof waiter === 'number') {
    if (waiter === 0 && !flock) remember(file, lock);
    return waiter;
  }
  const deferred = request.defer();
  waits.set(unique, waiter);
  return Outcome.later;
}

/** INTERRUPT: the request that it names is answered with EINTR if it still waits; else the guest is to try again. */
export function interrupt<F extends Served>(serving: Serving<F>, x: Exchange): number {
  const waiter = serving.waits.get(x.big(InterruptIn.offsets.unique));
  if (waiter === undefined) return -Errno.EAGAIN;
  serving.fileSystem.locks.cancel(waiter, -Errno.EINTR);
  return Outcome.silent;
}

/** FLUSH: somebody has closed the file; the record locks of that owner go. */
export function flush<F extends Served>({ fileSystem }: Serving<F>, x: Exchange): number {
  const file = fileSystem.fileOf(x.node, x.u64(FlushIn.offsets.handle));
  if (file === undefined) return -Errno.EBADF;
  const owner = x.big(FlushIn.offsets.lockOwner);
  file.lockOwners?.delete(owner);
  fileSystem.locks.releaseRecords(x.node, owner);
  return 0;
}

/** RELEASE: locks of `file` itself end with it. */
export function releaseLocks<F extends Served>(
  { fileSystem: { locks } }: Serving<F>,
  x: Exchange,
  file: LockHolder,
): void {
  for (const owner of file.lockOwners ?? []) locks.releaseRecords(x.node, owner);
  if (x.u32(ReleaseIn.offsets.releaseFlags) & ReleaseFlag.unlockFlock)
    locks.releaseFile(x.node, x.big(ReleaseIn.offsets.lockOwner));
}

function remember(file: LockHolder, lock: RecordLock): void {
  if (lock.type === LockType.unlock) return;
  file.lockOwners ??= new Set();
  file.lockOwners.add(lock.owner);
}
