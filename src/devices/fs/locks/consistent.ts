import { LockType, type RecordLock } from './lock.ts';

/** How far locks reach that were seen: the furthest end, and the furthest of another owner than that one's. */
class Reach {
  #owner = 0n;
  #end = -1n;
  #otherEnd = -1n;

  add({ owner, end }: RecordLock): void {
    if (owner === this.#owner || this.#end < 0n) {
      this.#owner = owner;
      if (end > this.#end) this.#end = end;
    } else if (end > this.#end) {
      this.#otherEnd = this.#end;
      this.#owner = owner;
      this.#end = end;
    } else if (end > this.#otherEnd) this.#otherEnd = end;
  }

  /** The furthest end of a lock that `owner` does not have; -1 when there is none. */
  besides(owner: bigint): bigint {
    return owner === this.#owner ? this.#otherEnd : this.#end;
  }
}

/**
 * The first of a file's record locks, in the order of their starts, that cannot be held beside those before it: another
 * owner's stands against it, or one of its own owner overlaps it or would be one with it. Undefined when all can be.
 * Takes the time that sorting takes, where granting one by one would take the square of their number.
 */
export function firstInconsistent(locks: readonly RecordLock[]): RecordLock | undefined {
  const sorted = locks.toSorted((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
  const all = new Reach();
  const writes = new Reach();
  const own = new Map<bigint, RecordLock>();
  for (const lock of sorted) {
    const before = own.get(lock.owner);
    if (before !== undefined) {
      const gap = lock.start - before.end;
      if (gap < 1n || (gap === 1n && before.type === lock.type)) return lock;
    }
    const against = lock.type === LockType.write ? all : writes;
    if (against.besides(lock.owner) >= lock.start) return lock;
    own.set(lock.owner, lock);
    all.add(lock);
    if (lock.type === LockType.write) writes.add(lock);
  }
  return undefined;
}
