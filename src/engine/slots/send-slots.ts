import { Arena, type ArenaPlace, type DeviceName, deviceTitle } from './arena.ts';
import { ringBell } from './bell.ts';
import { DEFAULT_PER_DEVICE, DEFAULT_SLOT_WAIT, RESERVED_SLOTS, SLOT_BYTES } from './limits.ts';
import { Lock } from './lock.ts';
import { type SendDevice, SendLedger } from './send-ledger.ts';

export interface SendSlotsOptions {
  /** Names of the devices: a device is its place in here from then on. */
  readonly devices: readonly DeviceName[];
  /** Slots for all of them, of `SLOT_BYTES` each: at least two a device. */
  readonly slots: number;
  /** Slots that one device may have at most. */
  readonly perDevice?: number;
  /** The memory of the bell of the channels. */
  readonly bell: SharedArrayBuffer;
  /** Whether the peer grants credits, and says what it received: extended mode. */
  readonly credits: boolean;
  /** Whether buffers travel compressed: a `CpuPool` has to work on these slots then. Only where the peer knows of it. */
  readonly compressed?: boolean;
}

/** What other threads reach the slots of a sender with. Plain data. */
export interface SendSlotsStart {
  readonly ledger: SharedArrayBuffer;
  readonly arena: ArenaPlace;
  readonly devices: readonly DeviceName[];
  readonly bell: SharedArrayBuffer;
}

/** What a `SlotSink` is made from. Plain data. */
export interface SlotSinkStart {
  readonly slots: SendSlotsStart;
  readonly device: number;
  /** How long to wait for a slot, in milliseconds. */
  readonly within: number;
}

/** The slots of a sender, as its main thread has them: it owns their memory. */
export class SendSlots implements Disposable {
  /** Travels to the threads of devices and channels. */
  readonly start: SendSlotsStart;
  readonly #arena: Arena;
  readonly #ledger: SendLedger;
  readonly #lock: Lock;
  readonly #bell: Int32Array<SharedArrayBuffer>;

  /** Throws `ERR_SLOT_LIMITS`. */
  constructor(options: SendSlotsOptions) {
    const { devices, slots, bell, credits, compressed = false, perDevice = DEFAULT_PER_DEVICE } = options;
    this.#arena = new Arena(devices.length, slots);
    this.#ledger = SendLedger.create({
      devices: devices.length,
      slots,
      perDevice: Math.max(perDevice, RESERVED_SLOTS),
      credits,
      keep: credits,
      pack: compressed,
    });
    this.#lock = new Lock(this.#ledger.words, 0, this.#ledger.signals);
    this.#bell = new Int32Array(bell);
    this.start = { ledger: this.#ledger.words.buffer, arena: this.#arena.place, devices, bell };
  }

  /** Bytes that all of this takes at most. */
  get worstCaseBytes(): number {
    return this.#ledger.slots * SLOT_BYTES + this.#ledger.words.byteLength;
  }

  /** Resolves when buffers were posted, written or given back after this was called, or at once if `seen` is older. */
  changed(seen: number): Promise<unknown> {
    const { async, value } = Atomics.waitAsync(this.#ledger.words, this.#ledger.changedWord, seen);
    return async ? value : Promise.resolve(value);
  }

  /** What `changed` is given. */
  get seen(): number {
    return Atomics.load(this.#ledger.words, this.#ledger.changedWord);
  }

  /** For the thread of the device: what it makes its `SlotSink` from. It waits for a slot for `within` milliseconds at most. */
  sink(device: number, { within = DEFAULT_SLOT_WAIT } = {}): SlotSinkStart {
    return { slots: this.start, device, within };
  }

  /** The peer takes buffers of the device up to the index `highest`; it never takes this back. */
  setCredit(device: number, highest: number): void {
    // Most of what is told is known: that is seen without the lock
    if (this.device(device).allowed > highest) return;
    if (this.#lock.holding(() => this.#ledger.allow(device, highest))) ringBell(this.#bell);
  }

  /** The peer has all buffers of the device up to the index `upTo`. */
  received(device: number, upTo: number): void {
    if (this.device(device).received > upTo) return;
    this.#lock.holding(() => this.#ledger.received(device, upTo));
  }

  /**
   * A channel broke and its thread writes no more: what it may not have brought over is sent again by the others. Returns
   * how many buffers.
   */
  lostBy(channel: number): number {
    const lost = this.#lock.holding(() => this.#ledger.lostBy(channel));
    if (lost > 0) ringBell(this.#bell);
    return lost;
  }

  /** How far the device has come: each figure is true, though others may have changed meanwhile. */
  device(device: number): SendDevice {
    return this.#ledger.device(device);
  }

  /** How the device is called in messages. */
  title(device: number): string {
    return deviceTitle(this.start.devices[device]!);
  }

  /** Give up on one device: its thread is told, nothing more of it is sent. */
  abort(device: number): void {
    this.#lock.holding(() => this.#ledger.abort(device));
  }

  /** Give up on all of it: every thread that waits for a slot is told. */
  cancel(): void {
    // Without the lock: also where a thread died that held it
    this.#ledger.cancel();
    this.#ledger.signals.wake();
  }

  /** A thread that uses these slots has ended by force: `thread` is its `threadId`. */
  threadEnded(thread: number): void {
    if (this.#lock.takeFrom(thread)) {
      this.#ledger.mend();
      this.#lock.release();
    }
    // It may have died before it woke whoever it had something for
    this.#ledger.rouse();
    this.#ledger.signals.wake();
  }

  /** Have the threads that compress look whether they are to end. */
  wakeWorkers(): void {
    const { words, workWord } = this.#ledger;
    Atomics.add(words, workWord, 1);
    Atomics.notify(words, workWord);
  }

  /** A call that does not return may still touch the slots: their memory is never used again. */
  quarantine(): void {
    this.#arena.quarantine();
  }

  /** No thread may use the slots any more. */
  [Symbol.dispose](): void {
    this.#arena[Symbol.dispose]();
  }
}
