import type { Fd } from '../../sys/index.ts';
import { Arena, type ArenaPlace, type DeviceName, deviceTitle } from './arena.ts';
import { SlotError } from './errors.ts';
import {
  DEFAULT_PER_DEVICE,
  DEFAULT_SLOT_WAIT,
  MAX_SPILL_PLACES,
  RESERVED_SLOTS,
  SLOT_BYTES,
  SPILL_PLACES_PER_MIB,
} from './limits.ts';
import { type ReceiveDevice, ReceiveLedger } from './receive-ledger.ts';
import { SharedSlots } from './shared-slots.ts';
import { openSpillFile, type SpillStart } from './spill-file.ts';

export interface ReceiveSlotsOptions {
  /** Names of the devices: a device is its place in here from then on. */
  readonly devices: readonly DeviceName[];
  /** Slots for all of them, of `SLOT_BYTES` each: at least two a device. */
  readonly slots: number;
  /** Slots that one device may have at most. */
  readonly perDevice?: number;
  /** Whether the peer keeps to credits: extended mode. */
  readonly credits: boolean;
  /** Whether buffers may come compressed: a `CpuPool` has to work on these slots then. Goes with `credits`. */
  readonly compressed?: boolean;
  /**
   * Where buffers go that come before there is room for them, from peers that know no credits: an unlinked file in `folder`,
   * which has to be on a disk, of at most `limit` bytes. Without it such a buffer is an error.
   */
  readonly spill?: { readonly folder: string; readonly limit: number } | undefined;
}

/** What other threads reach the slots of a receiver with. Plain data. */
export interface ReceiveSlotsStart {
  readonly ledger: SharedArrayBuffer;
  readonly arena: ArenaPlace;
  readonly devices: readonly DeviceName[];
  readonly spill: SpillStart | undefined;
  /** Whether buffers may come compressed. */
  readonly compressed: boolean;
}

/** What a `SlotSource` is made from. Plain data. */
export interface SlotSourceStart {
  readonly slots: ReceiveSlotsStart;
  readonly device: number;
  /** How long to wait for the next buffer, in milliseconds. */
  readonly within: number;
}

/** The slots of a receiver, as its main thread has them: it owns their memory. */
export class ReceiveSlots extends SharedSlots<ReceiveLedger> {
  /** Travels to the threads of devices and channels. */
  readonly start: ReceiveSlotsStart;
  readonly #spill: Fd | undefined;
  #quarantined = false;

  /** Throws `ERR_SLOT_LIMITS`, and `ERR_SPILL` where there can be no spill file. */
  constructor(options: ReceiveSlotsOptions) {
    const { devices, slots, credits, spill, compressed = false, perDevice = DEFAULT_PER_DEVICE } = options;
    if (compressed && !credits)
      throw new SlotError('ERR_SLOT_LIMITS', 'Peers that know no credits send nothing compressed');
    const file = spill && openSpillFile(spill.folder);
    try {
      super(
        new Arena(devices.length, slots),
        ReceiveLedger.create(
          {
            devices: devices.length,
            slots,
            perDevice: Math.max(perDevice, RESERVED_SLOTS),
            credits,
            spill: spillSize(spill?.limit ?? 0),
          },
          devices.map(deviceTitle),
        ),
        devices,
      );
    } catch (error) {
      file?.[Symbol.dispose]();
      throw error;
    }
    this.#spill = file;
    this.start = {
      ledger: this.ledger.words.buffer,
      arena: this.arena.place,
      devices,
      spill: spill && { file: file!.number, ...spill },
      compressed,
    };
  }

  /** For the thread of the device: what it makes its `SlotSource` from. It waits for a buffer for `within` milliseconds at most. */
  source(device: number, { within = DEFAULT_SLOT_WAIT } = {}): SlotSourceStart {
    return { slots: this.start, device, within };
  }

  /** The highest index that the device's sender may send. It never goes down. */
  credit(device: number): number {
    return this.device(device).credit - 1;
  }

  /** How far the device has come: each figure is true, though others may have changed meanwhile. */
  device(device: number): ReceiveDevice {
    return this.ledger.device(device);
  }

  /** A channel broke and its thread reads no more: what it was reading did not come. */
  lostBy(channel: number): void {
    this.lock.holding(() => this.ledger.lostBy(channel));
  }

  /** A call that does not return may still touch the slots: their memory is never used again. */
  override quarantine(): void {
    super.quarantine();
    this.#quarantined = true;
  }

  /** No thread may use the slots any more. */
  override [Symbol.dispose](): void {
    super[Symbol.dispose]();
    // The number of a descriptor that a call still uses must not become another file's
    if (!this.#quarantined) this.#spill?.[Symbol.dispose]();
  }
}

/** How many buffers, and how many bytes, a spill file of `limit` bytes has room for. */
function spillSize(limit: number): { places: number; bytes: number } {
  const places = Math.ceil(limit / SLOT_BYTES) * SPILL_PLACES_PER_MIB;
  return { places: Math.min(places, MAX_SPILL_PLACES), bytes: limit };
}
