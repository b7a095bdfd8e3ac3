import { Arena, type ArenaPlace, type DeviceName } from './arena.ts';
import { ringBell } from './bell.ts';
import { DEFAULT_PER_DEVICE, DEFAULT_SLOT_WAIT, RESERVED_SLOTS } from './limits.ts';
import { type SendDevice, SendLedger } from './send-ledger.ts';
import { SharedSlots } from './shared-slots.ts';

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
export class SendSlots extends SharedSlots<SendLedger> {
  /** Travels to the threads of devices and channels. */
  readonly start: SendSlotsStart;
  readonly #bell: Int32Array<SharedArrayBuffer>;

  /** Throws `ERR_SLOT_LIMITS`. */
  constructor(options: SendSlotsOptions) {
    const { devices, slots, bell, credits, compressed = false, perDevice = DEFAULT_PER_DEVICE } = options;
    super(
      new Arena(devices.length, slots),
      SendLedger.create({
        devices: devices.length,
        slots,
        perDevice: Math.max(perDevice, RESERVED_SLOTS),
        credits,
        keep: credits,
        pack: compressed,
      }),
      devices,
    );
    this.#bell = new Int32Array(bell);
    this.start = { ledger: this.ledger.words.buffer, arena: this.arena.place, devices, bell };
  }

  /** For the thread of the device: what it makes its `SlotSink` from. It waits for a slot for `within` milliseconds at most. */
  sink(device: number, { within = DEFAULT_SLOT_WAIT } = {}): SlotSinkStart {
    return { slots: this.start, device, within };
  }

  /** The peer takes buffers of the device up to the index `highest`; it never takes this back. */
  setCredit(device: number, highest: number): void {
    // Most of what is told is known: that is seen without the lock
    if (this.device(device).allowed > highest) return;
    if (this.lock.holding(() => this.ledger.allow(device, highest))) ringBell(this.#bell);
  }

  /** The peer has all buffers of the device up to the index `upTo`. */
  received(device: number, upTo: number): void {
    if (this.device(device).received > upTo) return;
    this.lock.holding(() => this.ledger.received(device, upTo));
  }

  /**
   * A channel broke and its thread writes no more: what it may not have brought over is sent again by the others. Returns
   * how many buffers.
   */
  lostBy(channel: number): number {
    const lost = this.lock.holding(() => this.ledger.lostBy(channel));
    if (lost > 0) ringBell(this.#bell);
    return lost;
  }

  /** How far the device has come: each figure is true, though others may have changed meanwhile. */
  device(device: number): SendDevice {
    return this.ledger.device(device);
  }
}
