import { Arena, type ArenaPlace, type DeviceName, deviceTitle } from './arena.ts';
import { DEFAULT_PER_DEVICE, DEFAULT_SLOT_WAIT, RESERVED_SLOTS, SLOT_BYTES } from './limits.ts';
import { Lock } from './lock.ts';
import { type ReceiveDevice, ReceiveLedger } from './receive-ledger.ts';

export interface ReceiveSlotsOptions {
  /** Names of the devices: a device is its place in here from then on. */
  readonly devices: readonly DeviceName[];
  /** Slots for all of them, of `SLOT_BYTES` each: at least two a device. */
  readonly slots: number;
  /** Slots that one device may have at most. */
  readonly perDevice?: number;
  /** Whether the peer keeps to credits: extended mode. */
  readonly credits: boolean;
}

/** What other threads reach the slots of a receiver with. Plain data. */
export interface ReceiveSlotsStart {
  readonly ledger: SharedArrayBuffer;
  readonly arena: ArenaPlace;
  readonly devices: readonly DeviceName[];
}

/** What a `SlotSource` is made from. Plain data. */
export interface SlotSourceStart {
  readonly slots: ReceiveSlotsStart;
  readonly device: number;
  /** How long to wait for the next buffer, in milliseconds. */
  readonly within: number;
}

/** The slots of a receiver, as its main thread has them: it owns their memory. */
export class ReceiveSlots implements Disposable {
  /** Travels to the threads of devices and channels. */
  readonly start: ReceiveSlotsStart;
  readonly #arena: Arena;
  readonly #ledger: ReceiveLedger;
  readonly #lock: Lock;

  /** Throws `ERR_SLOT_LIMITS`. */
  constructor(options: ReceiveSlotsOptions) {
    const { devices, slots, credits, perDevice = DEFAULT_PER_DEVICE } = options;
    this.#arena = new Arena(devices.length, slots);
    this.#ledger = ReceiveLedger.create(
      {
        devices: devices.length,
        slots,
        perDevice: Math.max(perDevice, RESERVED_SLOTS),
        credits,
        spill: { places: 0, bytes: 0 },
      },
      devices.map(deviceTitle),
    );
    this.#lock = new Lock(this.#ledger.words, 0);
    this.start = { ledger: this.#ledger.words.buffer, arena: this.#arena.place, devices };
  }

  /** Bytes that all of this takes at most. */
  get worstCaseBytes(): number {
    return this.#ledger.slots * SLOT_BYTES + this.#ledger.words.byteLength;
  }

  /** Resolves when something has come or was loaded after `seen` was read: credits may have grown. */
  changed(seen: number): Promise<unknown> {
    const { async, value } = Atomics.waitAsync(this.#ledger.words, this.#ledger.changedWord, seen);
    return async ? value : Promise.resolve(value);
  }

  /** What `changed` is given. */
  get seen(): number {
    return Atomics.load(this.#ledger.words, this.#ledger.changedWord);
  }

  /** For the thread of the device: what it makes its `SlotSource` from. It waits for a buffer for `within` milliseconds at most. */
  source(device: number, { within = DEFAULT_SLOT_WAIT } = {}): SlotSourceStart {
    return { slots: this.start, device, within };
  }

  /** The highest index that the device's sender may send. It never goes down. */
  credit(device: number): number {
    return this.device(device).credit - 1;
  }

  device(device: number): ReceiveDevice {
    return this.#locked(() => this.#ledger.device(device));
  }

  /** How the device is called in messages. */
  title(device: number): string {
    return deviceTitle(this.start.devices[device]!);
  }

  /** A channel broke and its thread reads no more: what it was reading did not come. */
  lostBy(channel: number): void {
    this.#locked(() => this.#ledger.lostBy(channel));
  }

  /** Give up on one device: its thread is told, what comes for it is dropped. */
  abort(device: number): void {
    this.#locked(() => this.#ledger.abort(device));
  }

  /** Give up on all of it: every thread that waits is told. */
  cancel(): void {
    this.#locked(() => this.#ledger.cancel());
  }

  /** A thread that uses these slots has ended by force: `thread` is its `threadId`. */
  threadEnded(thread: number): void {
    if (!this.#lock.takeFrom(thread)) return;
    this.#ledger.mend();
    this.#lock.release();
  }

  /** A call that does not return may still touch the slots: their memory is never used again. */
  quarantine(): void {
    this.#arena.quarantine();
  }

  /** No thread may use the slots any more. */
  [Symbol.dispose](): void {
    this.#arena[Symbol.dispose]();
  }

  #locked<T>(work: () => T): T {
    this.#lock.acquire();
    try {
      return work();
    } finally {
      this.#lock.release();
    }
  }
}
