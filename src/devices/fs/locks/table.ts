import { Errno } from '../../../sys/index.ts';
import { firstInconsistent } from './consistent.ts';
import { MAX_DEADLOCK_OWNERS, MAX_LOCKS, MAX_WAITERS } from './limits.ts';
import {
  applyRecord,
  type FileLock,
  isValid,
  LAST_BYTE,
  LockType,
  type RecordLock,
  recordConflict,
  recordsConflict,
} from './lock.ts';

/** Told once how a waiting request ended: 0 for granted, or a negative errno. */
export type LockAnswer = (error: number) => void;

/** A request that waits for its lock. */
export type LockWaiter = { readonly node: number } & (
  | { readonly kind: 'record'; readonly lock: RecordLock; readonly answer: LockAnswer }
  | { readonly kind: 'file'; readonly lock: FileLock; readonly answer: LockAnswer }
);

type Told = { waiter: LockWaiter; error: number };

/** `files` are the types of whole-file locks by owner: any number to read, or a single one to write. */
type NodeLocks = { records: RecordLock[]; files: Map<bigint, number>; waiters: LockWaiter[] };

/**
 * The locks of all files, by node id: record locks of fcntl(2) and whole-file locks of flock(2), which know nothing
 * of each other, and who waits for which. Waiting requests are granted in the order they came, each as soon as nothing
 * that is held stands against it. Calls answer with 0 or a negative errno.
 */
export class LockTable {
  readonly #nodes = new Map<number, NodeLocks>();
  readonly #waitingOwners = new Map<bigint, Set<LockWaiter & { kind: 'record' }>>();
  #held = 0;
  #waiting = 0;

  /** Locks that are held. */
  get held(): number {
    return this.#held;
  }

  /** Requests that wait. */
  get waiting(): number {
    return this.#waiting;
  }

  /** GETLK: the lock that stands against `wanted`, or undefined when it could be had. */
  testRecord(node: number, wanted: RecordLock): RecordLock | undefined {
    return recordConflict(this.#nodes.get(node)?.records ?? [], wanted);
  }

  /** Whether `owner` holds a record lock on `node`. */
  holdsRecords(node: number, owner: bigint): boolean {
    return this.#nodes.get(node)?.records.some((lock) => lock.owner === owner) ?? false;
  }

  /** SETLK: take, change or release a record lock at once, or -EAGAIN, -ENOLCK, -EINVAL. */
  setRecord(node: number, lock: RecordLock): number {
    if (!isValid(lock)) return -Errno.EINVAL;
    const tell: Told[] = [];
    const result = this.#takeRecord(this.#provide(node), lock);
    this.#settle(node, tell);
    for (const { waiter, error } of tell) waiter.answer(error);
    return result;
  }

  /** SETLKW: as `setRecord`, but wait where that says -EAGAIN; -EDEADLK when the wait could not end. */
  waitRecord(node: number, lock: RecordLock, answer: LockAnswer): LockWaiter | number {
    const result = this.setRecord(node, lock);
    if (result !== -Errno.EAGAIN) return result;
    if (this.#waiting >= MAX_WAITERS) return -Errno.ENOLCK;
    if (this.#deadlocks(this.#provide(node), lock)) return -Errno.EDEADLK;
    const waiter = { kind: 'record', node, lock, answer } as const;
    this.#enqueue(waiter);
    const others = this.#waitingOwners.get(lock.owner);
    if (others === undefined) this.#waitingOwners.set(lock.owner, new Set([waiter]));
    else others.add(waiter);
    return waiter;
  }

  /**
   * flock(2) with LOCK_NB: take, change or release a whole-file lock, or -EAGAIN, -ENOLCK, -EINVAL. As in the kernel a
   * change gives the old lock up first: when the new one cannot be had, the old one is lost.
   */
  setFile(node: number, lock: FileLock): number {
    if (lock.type > LockType.unlock) return -Errno.EINVAL;
    const tell: Told[] = [];
    const result = this.#takeFile(this.#provide(node), lock);
    this.#settle(node, tell);
    for (const { waiter, error } of tell) waiter.answer(error);
    return result;
  }

  /** flock(2) that waits. */
  waitFile(node: number, lock: FileLock, answer: LockAnswer): LockWaiter | number {
    const result = this.setFile(node, lock);
    if (result !== -Errno.EAGAIN) return result;
    if (this.#waiting >= MAX_WAITERS) return -Errno.ENOLCK;
    const waiter = { kind: 'file', node, lock, answer } as const;
    this.#enqueue(waiter);
    return waiter;
  }

  /** End a wait with `error`, a negative errno such as -EINTR. False when it was over already. */
  cancel(waiter: LockWaiter, error: number): boolean {
    const locks = this.#nodes.get(waiter.node);
    const at = locks?.waiters.indexOf(waiter) ?? -1;
    if (locks === undefined || at < 0) return false;
    locks.waiters.splice(at, 1);
    this.#leave(waiter);
    this.#drop(waiter.node, locks);
    waiter.answer(error);
    return true;
  }

  /** FLUSH: release every record lock that `owner` holds on `node`. */
  releaseRecords(node: number, owner: bigint): void {
    if (!this.#nodes.has(node)) return;
    this.setRecord(node, { owner, start: 0n, end: LAST_BYTE, type: LockType.unlock, pid: 0 });
  }

  /** RELEASE with the flock flag: release the whole-file lock that `owner` holds on `node`. */
  releaseFile(node: number, owner: bigint): void {
    if (!this.#nodes.has(node)) return;
    this.setFile(node, { owner, type: LockType.unlock });
  }

  /** The node is gone: so are its locks, and whoever waits for one is told -EBADF. */
  removeNode(node: number): void {
    const locks = this.#nodes.get(node);
    if (locks === undefined) return;
    this.#nodes.delete(node);
    this.#held -= locks.records.length + locks.files.size;
    for (const waiter of locks.waiters) this.#leave(waiter);
    for (const waiter of locks.waiters) waiter.answer(-Errno.EBADF);
  }

  /** Forget who waits, without an answer: their requests will be made again. */
  forgetWaiters(): void {
    for (const [node, locks] of this.#nodes) {
      locks.waiters = [];
      this.#drop(node, locks);
    }
    this.#waitingOwners.clear();
    this.#waiting = 0;
  }

  /** Forget everything, without an answer to anybody. */
  clear(): void {
    this.#nodes.clear();
    this.#waitingOwners.clear();
    this.#held = 0;
    this.#waiting = 0;
  }

  /** Take in a record lock as it was held elsewhere, unchecked: `findInconsistent` has to be asked after the last. */
  restoreRecord(node: number, lock: RecordLock): void {
    this.#provide(node).records.push(lock);
    this.#held++;
  }

  /** A restored record lock that cannot be held beside the others, and its node; undefined when all can. */
  findInconsistent(): { node: number; lock: RecordLock } | undefined {
    for (const [node, locks] of this.#nodes) {
      const lock = firstInconsistent(locks.records);
      if (lock !== undefined) return { node, lock };
    }
    return undefined;
  }

  /** Every record lock that is held, by node. */
  *records(): Generator<{ node: number; lock: RecordLock }> {
    for (const [node, locks] of this.#nodes) for (const lock of locks.records) yield { node, lock };
  }

  /** Every whole-file lock that is held, by node. */
  *files(): Generator<{ node: number; lock: FileLock }> {
    for (const [node, locks] of this.#nodes)
      for (const [owner, type] of locks.files) yield { node, lock: { owner, type } };
  }

  #takeRecord(locks: NodeLocks, lock: RecordLock): number {
    if (recordConflict(locks.records, lock) !== undefined) return -Errno.EAGAIN;
    const after = applyRecord(locks.records, lock);
    const held = this.#held + after.length - locks.records.length;
    if (held > MAX_LOCKS && after.length > locks.records.length) return -Errno.ENOLCK;
    this.#held = held;
    locks.records = after;
    return 0;
  }

  #takeFile({ files }: NodeLocks, { owner, type }: FileLock): number {
    const own = files.get(owner);
    if (own === type) return 0;
    if (files.delete(owner)) this.#held--;
    if (type === LockType.unlock) return 0;
    const [held] = files.values();
    if (held !== undefined && (type === LockType.write || held === LockType.write)) return -Errno.EAGAIN;
    if (this.#held >= MAX_LOCKS) return -Errno.ENOLCK;
    files.set(owner, type);
    this.#held++;
    return 0;
  }

  /** Grant what can be granted on `node`, in order, and collect whom to tell. */
  #settle(node: number, tell: Told[]): void {
    const locks = this.#nodes.get(node);
    if (locks === undefined) return;
    // A change that is granted can release what an earlier request waits for: go on until a round changes nothing.
    for (let settled = locks.waiters.length === 0; !settled; ) {
      const held = this.#held;
      const told = tell.length;
      locks.waiters = locks.waiters.filter((waiter) => {
        const error =
          waiter.kind === 'record'
            ? this.#takeRecord(locks, waiter.lock)
            : this.#takeFile(locks, waiter.lock);
        if (error === -Errno.EAGAIN) return true;
        this.#leave(waiter);
        tell.push({ waiter, error });
        return false;
      });
      settled = locks.waiters.length === 0 || (told === tell.length && held === this.#held);
    }
    this.#drop(node, locks);
  }

  /** Whether the owner of `lock` would wait for somebody who waits, through others or not, for that owner. */
  #deadlocks(locks: NodeLocks, lock: RecordLock): boolean {
    const seen = new Set<bigint>();
    for (const held of locks.records) if (recordsConflict(held, lock)) seen.add(held.owner);
    for (const owner of seen) {
      if (owner === lock.owner) return true;
      if (seen.size > MAX_DEADLOCK_OWNERS) return false;
      for (const waiter of this.#waitingOwners.get(owner) ?? [])
        for (const held of this.#nodes.get(waiter.node)?.records ?? [])
          if (recordsConflict(held, waiter.lock)) seen.add(held.owner);
    }
    return false;
  }

  #provide(node: number): NodeLocks {
    let locks = this.#nodes.get(node);
    if (locks === undefined) {
      locks = { records: [], files: new Map(), waiters: [] };
      this.#nodes.set(node, locks);
    }
    return locks;
  }

  #drop(node: number, locks: NodeLocks): void {
    if (locks.records.length + locks.files.size + locks.waiters.length === 0) this.#nodes.delete(node);
  }

  #enqueue(waiter: LockWaiter): void {
    this.#provide(waiter.node).waiters.push(waiter);
    this.#waiting++;
  }

  #leave(waiter: LockWaiter): void {
    this.#waiting--;
    if (waiter.kind !== 'record') return;
    const others = this.#waitingOwners.get(waiter.lock.owner);
    others?.delete(waiter);
    if (others?.size === 0) this.#waitingOwners.delete(waiter.lock.owner);
  }
}
