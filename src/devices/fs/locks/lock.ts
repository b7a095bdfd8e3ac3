/** Lock types, with the numbers of fcntl(2). */
export const LockType = { read: 0, write: 1, unlock: 2 } as const;

/** The last byte that a lock can cover: locks to the end of the file, however long it gets, end here. */
export const LAST_BYTE = 2n ** 63n - 1n;

/**
 * A record lock on the bytes `start` to `end`, both inclusive. `owner` is the guest's number for who holds it, `pid`
 * the process that GETLK names.
 */
export type RecordLock = {
  readonly owner: bigint;
  readonly start: bigint;
  readonly end: bigint;
  readonly type: number;
  readonly pid: number;
};

/** A flock(2) lock on a whole file; `owner` is the guest's number for the open file that holds it. */
export type FileLock = { readonly owner: bigint; readonly type: number };

/** The lock among `held` that keeps `wanted` from being granted; of several, the one that begins first. */
export function recordConflict(held: readonly RecordLock[], wanted: RecordLock): RecordLock | undefined {
  if (wanted.type === LockType.unlock) return undefined;
  let first: RecordLock | undefined;
  for (const lock of held)
    if (recordsConflict(lock, wanted) && (first === undefined || lock.start < first.start)) first = lock;
  return first;
}

/** Whether two record locks cannot be held at the same time. */
export function recordsConflict(held: RecordLock, wanted: RecordLock): boolean {
  return (
    held.owner !== wanted.owner &&
    held.start <= wanted.end &&
    wanted.start <= held.end &&
    (held.type === LockType.write || wanted.type === LockType.write)
  );
}

/**
 * What is held after `change`, which conflicts with nothing, was granted or released: its owner's locks are replaced
 * within its range, cut at its edges, and joined with neighbours of the same type.
 */
export function applyRecord(held: readonly RecordLock[], change: RecordLock): RecordLock[] {
  const after: RecordLock[] = [];
  let { start, end } = change;
  for (const lock of held) {
    if (lock.owner !== change.owner || lock.end + 1n < change.start || change.end + 1n < lock.start)
      after.push(lock);
    else if (lock.type === change.type) {
      if (lock.start < start) start = lock.start;
      if (lock.end > end) end = lock.end;
    } else {
      if (lock.start < change.start)
        after.push(lock.end < change.start ? lock : { ...lock, end: change.start - 1n });
      if (lock.end > change.end)
        after.push(lock.start > change.end ? lock : { ...lock, start: change.end + 1n });
    }
  }
  if (change.type !== LockType.unlock) after.push({ ...change, start, end });
  return after;
}

/** Whether a lock has a type and a range that can be asked for. */
export function isValid(lock: RecordLock): boolean {
  return lock.start >= 0n && lock.start <= lock.end && lock.end <= LAST_BYTE && lock.type <= LockType.unlock;
}
