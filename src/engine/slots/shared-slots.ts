import { type Arena, type DeviceName, deviceTitle } from './arena.ts';
import { SLOT_BYTES } from './limits.ts';
import { Lock } from './lock.ts';
import type { Signals } from './signals.ts';

/** What either side's ledger has. */
interface Ledger {
  readonly words: Int32Array<SharedArrayBuffer>;
  readonly signals: Signals;
  readonly slots: number;
  readonly changedWord: number;
  readonly workWord: number;
  abort(device: number): void;
  cancel(): void;
  rouse(): void;
  mend(): void;
}

/** The slots of one side, as its main thread has them, whichever side that is: it owns their memory. */
export abstract class SharedSlots<L extends Ledger> implements Disposable {
  protected readonly ledger: L;
  protected readonly lock: Lock;
  protected readonly arena: Arena;
  readonly #devices: readonly DeviceName[];

  protected constructor(arena: Arena, ledger: L, devices: readonly DeviceName[]) {
    this.arena = arena;
    this.ledger = ledger;
    this.lock = new Lock(ledger.words, 0, ledger.signals);
    this.#devices = devices;
  }

  /** Bytes that all of this takes at most. What channels stage is theirs, and what is spilled is not in memory. */
  get worstCaseBytes(): number {
    return this.ledger.slots * SLOT_BYTES + this.ledger.words.byteLength;
  }

  /** Resolves when buffers have come further after `seen` was read: arrived, loaded, posted, written or given back. */
  changed(seen: number): Promise<unknown> {
    const { async, value } = Atomics.waitAsync(this.ledger.words, this.ledger.changedWord, seen);
    return async ? value : Promise.resolve(value);
  }

  /** What `changed` is given. */
  get seen(): number {
    return Atomics.load(this.ledger.words, this.ledger.changedWord);
  }

  /** How the device is called in messages. */
  title(device: number): string {
    return deviceTitle(this.#devices[device]!);
  }

  /** Give up on one device: its thread is told, nothing more of it is sent, and what comes for it is dropped. */
  abort(device: number): void {
    this.lock.holding(() => this.ledger.abort(device));
  }

  /** Give up on all of it: every thread that waits is told. */
  cancel(): void {
    // Without the lock: also where a thread died that held it
    this.ledger.cancel();
    this.ledger.signals.wake();
  }

  /** A thread that uses these slots has ended by force: `thread` is its `threadId`. */
  threadEnded(thread: number): void {
    if (this.lock.takeFrom(thread)) {
      this.ledger.mend();
      this.lock.release();
    }
    // It may have died before it woke whoever it had something for
    this.ledger.rouse();
    this.ledger.signals.wake();
  }

  /** Have the threads that compress look whether they are to end. */
  wakeWorkers(): void {
    const { words, workWord } = this.ledger;
    Atomics.add(words, workWord, 1);
    Atomics.notify(words, workWord);
  }

  /** A call that does not return may still touch the slots: their memory is never used again. */
  quarantine(): void {
    this.arena.quarantine();
  }

  /** No thread may use the slots any more. */
  [Symbol.dispose](): void {
    this.arena[Symbol.dispose]();
  }
}
