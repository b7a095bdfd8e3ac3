import { SlotError } from './errors.ts';

/**
 * `free → filling → full → free`. The buffer that a device loads stays `full` until it is loaded; `fetching` is a slot that
 * the device's next buffer is brought to from the spill file. One that came compressed goes from `filling` through `packed`
 * and `unpacking` to `full`.
 */
export const PlaceState = { free: 0, filling: 1, full: 2, fetching: 3, packed: 4, unpacking: 5 } as const;

/** How many places there are. */
export interface PlaceTable {
  readonly devices: number;
  readonly slots: number;
  readonly spills: number;
}

// Words of the whole
const DEVICES = 0;
const SLOTS = 1;
const SPILLS = 2;
const BUCKETS = 3;
const FREE_SLOT = 4;
const FREE_SPILL = 5;
const BLOCKS = 6;
const MAX_BLOCKS = 7;
const HEADER_WORDS = 8;

// Words of a place
const STATE = 0;
const DEVICE = 1;
const INDEX = 2;
const LENGTH = 3;
const CHANNEL = 4;
const CHAIN = 5;
const PLACE_WORDS = 6;

/** Disk space is counted in blocks of this size, as file systems give it out. */
const BLOCK = 4096;

/**
 * Places that hold buffers: slots, and behind them those of the spill file; found by device and index. All of it lies in
 * words of a larger array: some words of its own, and a table behind it: slots in use and places spilled for each device,
 * buckets, places.
 */
export class Places {
  static readonly HEADER_WORDS = HEADER_WORDS;
  readonly #words: Int32Array;
  readonly #head: number;
  readonly #counts: number;
  readonly #buckets: number;
  readonly #places: number;

  static wordsFor({ devices, slots, spills }: PlaceTable): number {
    return 2 * devices + bucketsFor(slots + spills) + (slots + spills) * PLACE_WORDS;
  }

  /** Put the sizes into words that are all 0. `mend` completes them. */
  static prepare(words: Int32Array, head: number, size: PlaceTable, spillBytes: number): void {
    words[head + DEVICES] = size.devices;
    words[head + SLOTS] = size.slots;
    words[head + SPILLS] = size.spills;
    words[head + BUCKETS] = bucketsFor(size.slots + size.spills);
    words[head + MAX_BLOCKS] = Math.floor(spillBytes / BLOCK);
  }

  constructor(words: Int32Array, head: number, table: number) {
    this.#words = words;
    this.#head = head;
    this.#counts = table;
    this.#buckets = table + 2 * words[head + DEVICES]!;
    this.#places = this.#buckets + words[head + BUCKETS]!;
  }

  /** Slots that hold something of the device, or are kept for it. */
  held(device: number): number {
    return this.#words[this.#counts + 2 * device]!;
  }

  /** Places of the spill file that hold something of the device. */
  spilled(device: number): number {
    return this.#words[this.#counts + 2 * device + 1]!;
  }

  /** Where a buffer is, or -1. */
  find(device: number, index: number): number {
    for (let place = this.#words[this.#bucket(device, index)]! - 1; place >= 0; ) {
      const at = this.#place(place);
      if (this.#words[at + DEVICE] === device && this.#words[at + INDEX]! >>> 0 === index) return place;
      place = this.#words[at + CHAIN]! - 1;
    }
    return -1;
  }

  stateOf(place: number): number {
    return this.#words[this.#place(place) + STATE]!;
  }

  deviceOf(place: number): number {
    return this.#words[this.#place(place) + DEVICE]!;
  }

  indexOf(place: number): number {
    return this.#words[this.#place(place) + INDEX]! >>> 0;
  }

  lengthOf(place: number): number {
    return this.#words[this.#place(place) + LENGTH]!;
  }

  /** A slot for a buffer on its way. The caller has made sure that there is one. */
  takeSlot(channel: number, device: number, index: number): number {
    const place = this.#unchain(FREE_SLOT);
    this.#occupy(place, PlaceState.filling, channel, device, index, 0);
    this.#link(place);
    return place;
  }

  /** A place in the spill file for a buffer on its way; -1 where places or bytes have run out. */
  takeSpill(channel: number, device: number, index: number, length: number): number {
    const blocks = Math.ceil(length / BLOCK);
    if (this.#words[this.#head + BLOCKS]! + blocks > this.#words[this.#head + MAX_BLOCKS]!) return -1;
    if (this.#words[this.#head + FREE_SPILL] === 0) return -1;
    const place = this.#unchain(FREE_SPILL);
    this.#occupy(place, PlaceState.filling, channel, device, index, length);
    this.#link(place);
    return place;
  }

  /** A slot to fetch a spilled buffer to: it is not found by index before `move`. */
  takeFetchSlot(device: number): number {
    const place = this.#unchain(FREE_SLOT);
    this.#occupy(place, PlaceState.fetching, -1, device, 0, 0);
    return place;
  }

  fill(place: number, length: number, state: number = PlaceState.full): void {
    const at = this.#place(place);
    this.#words[at + LENGTH] = length;
    this.#words[at + CHANNEL] = -1;
    this.#words[at + STATE] = state;
  }

  /** Begin to unpack what came compressed. */
  unpack(place: number): void {
    this.#words[this.#place(place) + STATE] = PlaceState.unpacking;
  }

  /** Whether a buffer is there as a whole, though it may have to be unpacked. */
  hasArrived(place: number): boolean {
    const state = this.stateOf(place);
    return state === PlaceState.full || state === PlaceState.packed || state === PlaceState.unpacking;
  }

  /** The buffer at `from` is at `to` now. */
  move(from: number, to: number): void {
    const index = this.indexOf(from);
    const length = this.lengthOf(from);
    this.free(from);
    this.#words[this.#place(to) + INDEX] = index | 0;
    this.#link(to);
    this.fill(to, length);
  }

  free(place: number): void {
    if (this.stateOf(place) !== PlaceState.fetching) this.#unlink(place);
    this.#count(place, -1);
    this.#words[this.#place(place) + STATE] = PlaceState.free;
    this.#chain(place);
  }

  /** Free what the channel was filling. */
  freeOf(channel: number): void {
    this.#each((place, at) => {
      if (this.#words[at + STATE] === PlaceState.filling && this.#words[at + CHANNEL] === channel)
        this.free(place);
    });
  }

  /** Free what has come for the device, but not the buffer `except`, which may be in use. */
  dropFull(device: number, except: number): void {
    this.#each((place, at) => {
      const state = this.#words[at + STATE];
      const mine = this.#words[at + DEVICE] === device;
      const loses =
        (state === PlaceState.full && this.indexOf(place) !== except) || state === PlaceState.packed;
      if (mine && loses) this.free(place);
    });
  }

  /** Mark what has come for the device below an index as free; `mend` does the rest. */
  dropBelow(device: number, index: number): void {
    this.#each((place, at) => {
      const mine = this.#words[at + STATE] === PlaceState.full && this.#words[at + DEVICE] === device;
      if (mine && this.indexOf(place) < index) this.#words[at + STATE] = PlaceState.free;
    });
  }

  /** Make chains, buckets and counts anew from the states of the places. */
  mend(): void {
    const words = this.#words;
    words.fill(0, this.#counts, this.#places);
    words[this.#head + FREE_SLOT] = 0;
    words[this.#head + FREE_SPILL] = 0;
    words[this.#head + BLOCKS] = 0;
    for (let place = this.#all - 1; place >= 0; place--) {
      const state = this.stateOf(place);
      if (state === PlaceState.free) {
        this.#chain(place);
        continue;
      }
      this.#count(place, 1);
      if (state !== PlaceState.fetching) this.#link(place);
    }
  }

  #occupy(
    place: number,
    state: number,
    channel: number,
    device: number,
    index: number,
    length: number,
  ): void {
    const at = this.#place(place);
    this.#words[at + DEVICE] = device;
    this.#words[at + INDEX] = index | 0;
    this.#words[at + LENGTH] = length;
    this.#words[at + CHANNEL] = channel;
    this.#words[at + STATE] = state;
    this.#count(place, 1);
  }

  /** Count a place as used or, with -1, as not used any more. */
  #count(place: number, by: 1 | -1): void {
    const isSlot = place < this.#words[this.#head + SLOTS]!;
    this.#words[this.#counts + 2 * this.deviceOf(place) + (isSlot ? 0 : 1)]! += by;
    if (!isSlot) this.#words[this.#head + BLOCKS]! += by * Math.ceil(this.lengthOf(place) / BLOCK);
  }

  get #all(): number {
    return this.#words[this.#head + SLOTS]! + this.#words[this.#head + SPILLS]!;
  }

  #each(visit: (place: number, at: number) => void): void {
    for (let place = 0; place < this.#all; place++) visit(place, this.#place(place));
  }

  #chain(place: number): void {
    const head = this.#head + (place < this.#words[this.#head + SLOTS]! ? FREE_SLOT : FREE_SPILL);
    this.#words[this.#place(place) + CHAIN] = this.#words[head]!;
    this.#words[head] = place + 1;
  }

  #unchain(list: number): number {
    const place = this.#words[this.#head + list]! - 1;
    if (place < 0) throw new SlotError('ERR_SLOT_LIMITS', 'More buffers were let in than there are slots');
    this.#words[this.#head + list] = this.#words[this.#place(place) + CHAIN]!;
    return place;
  }

  #link(place: number): void {
    const bucket = this.#bucket(this.deviceOf(place), this.indexOf(place));
    this.#words[this.#place(place) + CHAIN] = this.#words[bucket]!;
    this.#words[bucket] = place + 1;
  }

  #unlink(place: number): void {
    let link = this.#bucket(this.deviceOf(place), this.indexOf(place));
    while (this.#words[link] !== place + 1) link = this.#place(this.#words[link]! - 1) + CHAIN;
    this.#words[link] = this.#words[this.#place(place) + CHAIN]!;
  }

  #bucket(device: number, index: number): number {
    const mask = this.#words[this.#head + BUCKETS]! - 1;
    return this.#buckets + ((index + Math.imul(device, 0x9e37_79b1)) & mask);
  }

  #place(place: number): number {
    return this.#places + place * PLACE_WORDS;
  }
}

/** Buckets for so many places: a power of two, so that chains stay short. */
function bucketsFor(places: number): number {
  return 2 ** Math.ceil(Math.log2(places));
}
