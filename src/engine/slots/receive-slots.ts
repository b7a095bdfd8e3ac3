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
import { Lock } from './lock.ts';
import { type ReceiveDevice, ReceiveLedger } from './receive-ledger.ts';
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
export class ReceiveSlots implements Disposable {
  /** Travels to the threads of devices and channels. */
  readonly start: ReceiveSlotsStart;
  readonly #arena: Arena;
  readonly #ledger: ReceiveLedger;
  readonly #lock: Lock;
  readonly #spill: Fd | undefined;
  #quarantined = false;

  /** Throws `ERR_SLOT_LIMITS`, and `ERR_SPILL` where there can be no spill file. */
  constructor(options: ReceiveSlotsOptions) {
    const { devices, slots, credits, spill, compressed = false, perDevice = DEFAULT_PER_DEVICE } = options;
    if (compressed && !credits)
      throw new SlotError('ERR_SLOT_LIMITS', 'Peers that know no credits send nothing compressed');
    this.#spill = spill && openSpillFile(spill.folder);
    try {
      this.#arena = new Arena(devices.length, slots);
    } catch (error) {
      this.#spill?.[Symbol.dispose]();
      throw error;
    }
    this.#ledger = ReceiveLedger.create(
      {
        devices: devices.length,
        slots,
        perDevice: Math.max(perDevice, RESERVED_SLOTS),
        credits,
        spill: spillSize(spill?.limit ?? 0),
      },
      devices.map(deviceTitle),
    );
    this.#lock = new Lock(this.#ledger.words, 0, this.#ledger.signals);
    this.start = {
      ledger: this.#ledger.words.buffer,
      arena: this.#arena.place,
      devices,
      spill: spill && { file: this.#spill!.number, ...spill },
      compressed,
    };
  }

  /** Bytes that all of this takes at most. What channels stage is theirs, and what is spilled is not in memory. */
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

  /** How far the device has come: each figure is true, though others may have changed meanwhile. */
  device(device: number): ReceiveDevice {
    return this.#ledger.device(device);
  }

  /** How the device is called in messages. */
  title(device: number): string {
    return deviceTitle(this.start.devices[device]!);
  }

  /** A channel broke and its thread reads no more: what it was reading did not come. */
  lostBy(channel: number): void {
    this.#lock.holding(() => this.#ledger.lostBy(channel));
  }

  /** Give up on one device: its thread is told, what comes for it is dropped. */
  abort(device: number): void {
    this.#lock.holding(() => this.#ledger.abort(device));
  }

  /** Give up on all of it: every thread that waits is told. */
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
    this.#quarantined = true;
  }

  /** No thread may use the slots any more. */
  [Symbol.dispose](): void {
    this.#arena[Symbol.dispose]();
    // The number of a descriptor that a call still uses must not become another file's
    if (!this.#quarantined) this.#spill?.[Symbol.dispose]();
  }
}

/** How many buffers, and how many bytes, a spill file of `limit` bytes has room for. */
function spillSize(limit: number): { places: number; bytes: number } {
  const places = Math.ceil(limit / SLOT_BYTES) * SPILL_PLACES_PER_MIB;
  return { places: Math.min(places, MAX_SPILL_PLACES), bytes: limit };
}
