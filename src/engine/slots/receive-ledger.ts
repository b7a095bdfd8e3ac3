import { MAX_INDEX } from './limits.ts';
import { LOCK_WORDS } from './lock.ts';
import { PlaceState, Places, type PlaceTable } from './places.ts';
import { Sequences } from './sequences.ts';
import { shareFor } from './shares.ts';
import { Signals } from './signals.ts';

/** What `claim` answers instead of a place: the buffer is here already and is read into nothing. */
export const DROP = -1;
/** What `claim` answers instead of a place: read nothing more of this channel now, and ask again. */
export const WITHHOLD = -2;
/** What `claim` answers instead of a place: the spill file is full, or there is none. */
export const NO_ROOM = -3;

// Words of the whole
const CANCELLED = LOCK_WORDS;
const CHANGED = LOCK_WORDS + 1;
const DEVICES = LOCK_WORDS + 2;
const SLOTS = LOCK_WORDS + 3;
const PER_DEVICE = LOCK_WORDS + 4;
const CREDITS = LOCK_WORDS + 5;
const WORK = LOCK_WORDS + 6;
const SHARE = LOCK_WORDS + 7;
const PLACES = LOCK_WORDS + 8;
const HEADER = PLACES + Places.HEADER_WORDS;

// Words of a device, beside those of its sequence. The credit is a count of 32 bits: "the first index that is not".
const CREDIT = 0;
const NEED = 1;
const OPENED = 2;
const STUCK = 3;
const ABORTED = 4;
const ARRIVED = 5;
const DEVICE_WORDS = 6;

export interface ReceiveLedgerOptions {
  readonly devices: number;
  readonly slots: number;
  /** Slots that one device may have at most. */
  readonly perDevice: number;
  /** Whether senders keep to credits: what goes beyond is refused. Else it waits or is spilled. */
  readonly credits: boolean;
  /** Buffers that can be in the spill file, and the bytes of all of them. */
  readonly spill: { readonly places: number; readonly bytes: number };
}

/** What is known of one device's buffers on the receiving side. Indices are counts. */
export interface ReceiveDevice {
  /** Buffers below this index were loaded, which had so many bytes. */
  readonly next: number;
  readonly bytes: number;
  /** Buffers below this index have arrived. */
  readonly received: number;
  /** Buffers below this index may be sent. */
  readonly credit: number;
  /** How many buffers there are, once that is known. */
  readonly total: number | undefined;
  /** Slots in use, and buffers in the spill file. */
  readonly held: number;
  readonly spilled: number;
  /** Whether its thread has begun to load, and whether it has loaded everything. */
  readonly opened: boolean;
  readonly loaded: boolean;
}

/**
 * Which place holds which buffer of which device, on the receiving side: slots, and places in the spill file. Rules alone:
 * no memory of the slots, no threads and no waiting, all in the words of one array. Whoever shares it between threads holds
 * a lock around every call.
 *
 * The first buffers that a device still has to load, as many as its share of the slots, always find a slot: nothing else
 * is ever put there. The index behind them is the device's credit, which never goes down.
 */
export class ReceiveLedger {
  readonly words: Int32Array<SharedArrayBuffer>;
  /** The words of the ledger that others sleep on, when they were changed. */
  readonly signals: Signals;
  readonly #sequences: Sequences;
  readonly #places: Places;

  /** An empty ledger; `titles` is how devices are called in errors. */
  static create(options: ReceiveLedgerOptions, titles: readonly string[]): ReceiveLedger {
    const { devices, slots, perDevice, credits, spill } = options;
    const table: PlaceTable = { devices, slots, spills: spill.places };
    const size = HEADER + devices * (DEVICE_WORDS + Sequences.DEVICE_WORDS) + Places.wordsFor(table);
    const words = new Int32Array(new SharedArrayBuffer(size * 4));
    words[DEVICES] = devices;
    words[SLOTS] = slots;
    words[PER_DEVICE] = perDevice;
    words[CREDITS] = credits ? 1 : 0;
    Places.prepare(words, PLACES, table, spill.bytes);
    const ledger = new ReceiveLedger(words.buffer, titles);
    for (let d = 0; d < devices; d++) words[ledger.#device(d) + NEED] = -1;
    ledger.#places.mend();
    ledger.#grant();
    return ledger;
  }

  /** The ledger whose words are in `shared`. */
  constructor(shared: SharedArrayBuffer, titles: readonly string[]) {
    this.words = new Int32Array(shared);
    this.signals = new Signals(this.words);
    const sequences = HEADER + this.words[DEVICES]! * DEVICE_WORDS;
    this.#sequences = new Sequences(this.words, sequences, titles);
    this.#places = new Places(this.words, PLACES, sequences + this.words[DEVICES]! * Sequences.DEVICE_WORDS);
  }

  get devices(): number {
    return this.words[DEVICES]!;
  }

  get slots(): number {
    return this.words[SLOTS]!;
  }

  /** Word that changes, and is notified, when the device's next buffer has come or the device was aborted. */
  arrivedWord(device: number): number {
    return this.#device(device) + ARRIVED;
  }

  /** Word that changes, and is notified, when something was loaded or dropped: credits, room, progress. */
  get changedWord(): number {
    return CHANGED;
  }

  /** Word that changes, and is notified, when there is something to decompress, or nothing more will be. */
  get workWord(): number {
    return WORK;
  }

  get isCancelled(): boolean {
    return Atomics.load(this.words, CANCELLED) === 1;
  }

  isAborted(device: number): boolean {
    return this.isCancelled || Atomics.load(this.words, this.#device(device) + ABORTED) === 1;
  }

  // What a channel does

  /**
   * Where the buffer that a channel has found goes: a slot, a place in the spill file (`slots` and above), or one of `DROP`,
   * `WITHHOLD`, `NO_ROOM`. `again`: its sender has sent it before. Throws a `BufferError` where it must not have been sent.
   */
  claim(
    channel: number,
    device: number,
    index: number,
    length: number,
    last: boolean,
    again: boolean,
  ): number {
    const at = this.#device(device);
    const known = this.#places.find(device, index);
    if (again && known >= 0 && this.#places.stateOf(known) === PlaceState.filling) return WITHHOLD;
    if (index < this.#sequences.next(device) || known >= 0) {
      if (again) return DROP;
      throw this.#sequences.error('ERR_BUFFER_TWICE', device, `buffer ${index} has come before`);
    }
    this.#sequences.refuse(device, index, last);
    if (this.words[at + ABORTED] === 1) return DROP;
    if (index < this.words[at + CREDIT]! >>> 0) return this.#places.takeSlot(channel, device, index);
    if (this.words[CREDITS] === 1)
      throw this.#sequences.error(
        'ERR_BUFFER_CREDIT',
        device,
        `buffer ${index}, the device may send up to ${(this.words[at + CREDIT]! >>> 0) - 1}`,
      );
    if (this.#someoneLoads()) return WITHHOLD;
    const place = this.#places.takeSpill(channel, device, index, length);
    return place < 0 ? NO_ROOM : place;
  }

  /**
   * The buffer that goes to `place` is there, whole and checked: `length` bytes, which may be compressed. Throws a
   * `BufferError` as `claim` does.
   */
  publish(place: number, length: number, last: boolean, packed = false): void {
    const device = this.#places.deviceOf(place);
    const index = this.#places.indexOf(place);
    const at = this.#device(device);
    this.#sequences.refuse(device, index, last);
    if (this.words[at + ABORTED] === 1) {
      this.abandon(place);
      return;
    }
    this.#places.fill(place, length, packed ? PlaceState.packed : PlaceState.full);
    this.#sequences.came(device, index, last);
    this.#follow(device);
    if (last) this.#grant();
    if (packed) this.signals.raise(WORK);
    else if (index === this.#sequences.next(device)) this.signals.raise(at + ARRIVED);
    this.signals.raise(CHANGED);
  }

  /** Nothing came to `place`: it is free again. */
  abandon(place: number): void {
    this.#places.free(place);
    this.signals.raise(CHANGED);
  }

  // What decompresses does

  /** The slot to decompress next, or -1: of those the one whose buffer is needed first. */
  takePacked(): number {
    let best = -1;
    let bestAhead = 0;
    for (let slot = 0; slot < this.slots; slot++) {
      if (this.#places.stateOf(slot) !== PlaceState.packed) continue;
      const ahead = this.#places.indexOf(slot) - this.#sequences.next(this.#places.deviceOf(slot));
      if (best >= 0 && ahead >= bestAhead) continue;
      best = slot;
      bestAhead = ahead;
    }
    if (best >= 0) this.#places.unpack(best);
    return best;
  }

  /** A slot that was packed holds `length` bytes of state now. */
  unpacked(slot: number, length: number): void {
    const device = this.#places.deviceOf(slot);
    const at = this.#device(device);
    if (this.words[at + ABORTED] === 1) {
      this.abandon(slot);
      return;
    }
    this.#places.fill(slot, length);
    if (this.#places.indexOf(slot) === this.#sequences.next(device)) this.signals.raise(at + ARRIVED);
    this.signals.raise(CHANGED);
  }

  /** Nothing was loaded for as long as a loader may take: those that have something to load count as stuck until they go on. */
  markStuck(): void {
    for (let d = 0; d < this.devices; d++)
      if (this.nextOf(d) >= 0) this.words[this.#device(d) + STUCK] = (this.#sequences.next(d) + 1) | 0;
  }

  // What a device does

  /** The device's thread begins to load. */
  open(device: number): void {
    this.words[this.#device(device) + OPENED] = 1;
    this.signals.raise(CHANGED);
  }

  /** Where the device's next buffer is; -1 where it has not come yet. */
  nextOf(device: number): number {
    const place = this.#places.find(device, this.#sequences.next(device));
    return place >= 0 && this.#places.stateOf(place) === PlaceState.full ? place : -1;
  }

  /** Whether all of the device's buffers were loaded. */
  isLoaded(device: number): boolean {
    return this.#sequences.isLoaded(device);
  }

  /** A slot that the device's next buffer, which is in the spill file, is fetched to; -1 where the device was aborted. */
  fetchTo(device: number): number {
    if (this.isAborted(device)) return -1;
    return this.#places.takeFetchSlot(device);
  }

  /** What was in the spill file at `from` is in the slot `to` now. */
  fetched(from: number, to: number): void {
    this.#places.move(from, to);
  }

  /** The device's next buffer, at `place`, has been loaded. */
  loaded(place: number): void {
    const device = this.#places.deviceOf(place);
    this.#sequences.loaded(device, this.#places.lengthOf(place));
    this.#places.free(place);
    // As long as nobody knows how much a device needs, that it has loaded something changes nothing for the others
    if (this.#sequences.total(device) === 0) this.#raise(device);
    else this.#grant();
    this.signals.raise(CHANGED);
  }

  lengthOf(place: number): number {
    return this.#places.lengthOf(place);
  }

  deviceOf(place: number): number {
    return this.#places.deviceOf(place);
  }

  indexOf(place: number): number {
    return this.#places.indexOf(place);
  }

  // What the main side does

  /** The channel's thread has ended: what it was reading will not come. */
  lostBy(channel: number): void {
    this.#places.freeOf(channel);
    this.signals.raise(CHANGED);
  }

  /** The device will not load any more: what has come for it is dropped, and so is what still comes. */
  abort(device: number): void {
    const at = this.#device(device);
    Atomics.store(this.words, at + ABORTED, 1);
    this.#places.dropFull(device, this.#sequences.next(device));
    this.words[at + NEED] = this.#places.held(device);
    this.#grant();
    this.signals.raise(at + ARRIVED);
    this.signals.raise(CHANGED);
  }

  cancel(): void {
    Atomics.store(this.words, CANCELLED, 1);
    this.rouse();
  }

  /** Have everyone who sleeps look again. */
  rouse(): void {
    for (let d = 0; d < this.devices; d++) this.signals.raise(this.arrivedWord(d));
    this.signals.raise(WORK);
    this.signals.raise(CHANGED);
  }

  device(device: number): ReceiveDevice {
    const at = this.#device(device);
    const total = this.#sequences.total(device);
    return {
      next: this.#sequences.next(device),
      bytes: this.#sequences.bytes(device),
      received: this.#sequences.received(device),
      credit: this.words[at + CREDIT]! >>> 0,
      total: total === 0 ? undefined : total,
      held: this.#places.held(device),
      spilled: this.#places.spilled(device),
      opened: this.words[at + OPENED] === 1,
      loaded: this.isLoaded(device),
    };
  }

  /** A thread died while it changed something: everything that follows from the states of places is made anew. */
  mend(): void {
    for (let d = 0; d < this.devices; d++) this.#places.dropBelow(d, this.#sequences.next(d));
    this.#places.mend();
    this.#grant();
    for (let d = 0; d < this.devices; d++) {
      this.#follow(d);
      this.signals.raise(this.arrivedWord(d));
    }
    this.signals.raise(CHANGED);
  }

  /** Whether some device has its next buffer at hand, and a thread that goes on loading: room will come of that. */
  #someoneLoads(): boolean {
    for (let d = 0; d < this.devices; d++) {
      const at = this.#device(d);
      const stuck = this.words[at + STUCK] === ((this.#sequences.next(d) + 1) | 0);
      if (this.words[at + OPENED] === 1 && !stuck && this.nextOf(d) >= 0) return true;
    }
    return false;
  }

  /** Go on counting the buffers that have come without a gap. */
  #follow(device: number): void {
    let received = Math.max(this.#sequences.received(device), this.#sequences.next(device));
    for (let place = this.#places.find(device, received); place >= 0; ) {
      if (!this.#places.hasArrived(place)) break;
      place = this.#places.find(device, ++received);
    }
    this.#sequences.setReceived(device, received);
  }

  /** Share the slots out, and raise credits as far as that allows. */
  #grant(): void {
    for (let d = 0; d < this.devices; d++) {
      const at = this.#device(d);
      const total = this.#sequences.total(d);
      if (this.words[at + ABORTED] === 0 && total !== 0)
        this.words[at + NEED] = Math.min(total - this.#sequences.next(d), this.slots);
    }
    const perDevice = this.words[PER_DEVICE]!;
    const needs = HEADER + NEED;
    this.words[SHARE] = shareFor(this.words, needs, DEVICE_WORDS, this.devices, this.slots, perDevice);
    for (let d = 0; d < this.devices; d++) this.#raise(d);
  }

  /** Raise the credit of a device as far as its share allows. */
  #raise(device: number): void {
    const at = this.#device(device);
    const share = this.words[SHARE]!;
    const need = this.words[at + NEED]!;
    const credit = this.#sequences.next(device) + (need < 0 ? share : Math.min(share, need));
    if (this.words[at + ABORTED] === 0 && credit > this.words[at + CREDIT]! >>> 0)
      this.words[at + CREDIT] = Math.min(credit, MAX_INDEX + 1) | 0;
  }

  #device(device: number): number {
    return HEADER + device * DEVICE_WORDS;
  }
}
