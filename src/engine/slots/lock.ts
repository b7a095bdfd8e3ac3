import { threadId } from 'node:worker_threads';
import { SlotError } from './errors.ts';
import { LOCK_WITHIN } from './limits.ts';
import { Signals } from './signals.ts';

/** Words of a lock: who holds it (0 nobody), and how many threads wait for it. */
export const LOCK_WORDS = 2;

/** Looks at the lock before a thread sleeps: whoever holds it needs less time than waking takes. */
const SPINS = 200;

/** A waiter looks again after so many milliseconds, should the thread that was woken have died before it took the lock. */
const LOOK_AGAIN = 50;

/**
 * A lock between threads, in two words of shared memory. Whoever holds it makes no call that may wait. A thread that is ended
 * by force may die holding it: `takeFrom` gives it to the thread that has seen the end of the other one.
 */
export class Lock {
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #at: number;
  readonly #me = ownerWord(threadId);
  readonly #signals: Signals;

  /** `signals` are those that are raised while the lock is held. */
  constructor(words: Int32Array<SharedArrayBuffer>, at: number, signals = new Signals(words)) {
    this.#words = words;
    this.#at = at;
    this.#signals = signals;
  }

  /** Throws `ERR_SLOT_LOCK` where another thread keeps it for longer than any thread that lives does. */
  acquire(): void {
    if (this.#take()) return;
    for (let i = 0; i < SPINS; i++) if (Atomics.load(this.#words, this.#at) === 0 && this.#take()) return;
    this.#wait();
  }

  release(): void {
    Atomics.store(this.#words, this.#at, 0);
    if (Atomics.load(this.#words, this.#at + 1) > 0) Atomics.notify(this.#words, this.#at, 1);
    this.#signals.wake();
  }

  /** Do `work`, which makes no call that may wait, with the lock held. */
  holding<T>(work: () => T): T {
    this.acquire();
    try {
      return work();
    } finally {
      this.release();
    }
  }

  /**
   * Take the lock over from a thread that has ended, where it held it: whether it did. What the lock protects may be half
   * changed then; the caller mends it and releases the lock.
   */
  takeFrom(endedThread: number): boolean {
    const owner = ownerWord(endedThread);
    return Atomics.compareExchange(this.#words, this.#at, owner, this.#me) === owner;
  }

  #take(): boolean {
    return Atomics.compareExchange(this.#words, this.#at, 0, this.#me) === 0;
  }

  #wait(): void {
    const end = performance.now() + LOCK_WITHIN;
    Atomics.add(this.#words, this.#at + 1, 1);
    try {
      while (!this.#take()) {
        const owner = Atomics.load(this.#words, this.#at);
        if (performance.now() > end)
          throw new SlotError(
            'ERR_SLOT_LOCK',
            `Thread ${owner - 1} has held the ledger of slots for ${LOCK_WITHIN} ms, no thread that lives does that`,
          );
        if (owner !== 0) Atomics.wait(this.#words, this.#at, owner, LOOK_AGAIN);
      }
    } finally {
      Atomics.sub(this.#words, this.#at + 1, 1);
    }
  }
}

function ownerWord(thread: number): number {
  return thread + 1;
}
