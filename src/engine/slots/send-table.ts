/**
 * What becomes of a slot: `free → filling → posted → taken → sent → free`, and `taken`, `sent` → `posted` when its channel
 * broke. Where buffers are compressed, `filling → raw → packing → posted`.
 */
export const SendState = { free: 0, filling: 1, posted: 2, taken: 3, sent: 4, raw: 5, packing: 6 } as const;

/** How many there are. */
export interface SendTableSize {
  readonly devices: number;
  readonly slots: number;
}

// Words of the whole
const DEVICES = 0;
const SLOTS = 1;
const FREE = 2;
const READY = 3;
const HEADER_WORDS = 4;

// Words of a device: slots in use, and the first of those that are posted
const HELD = 0;
const HEAD = 1;
const DEVICE_WORDS = 2;

// Words of a slot
const STATE = 0;
const DEVICE = 1;
const INDEX = 2;
const LENGTH = 3;
const WHOLE = 4;
const LAST = 5;
const PACKED = 6;
const AGAIN = 7;
const CHANNEL = 8;
const CHAIN = 9;
const SLOT_WORDS = 10;

/**
 * The slots of a sender: what is in each, which are free, and for each device those that are posted, in the order of their
 * indices. All of it lies in words of a larger array: some words of its own, and a table behind it.
 */
export class SendTable {
  static readonly HEADER_WORDS = HEADER_WORDS;
  readonly #words: Int32Array;
  readonly #head: number;
  readonly #devices: number;
  readonly #slots: number;

  static wordsFor({ devices, slots }: SendTableSize): number {
    return devices * DEVICE_WORDS + slots * SLOT_WORDS;
  }

  /** Put the sizes into words that are all 0. `mend` completes them. */
  static prepare(words: Int32Array, head: number, { devices, slots }: SendTableSize): void {
    words[head + DEVICES] = devices;
    words[head + SLOTS] = slots;
  }

  constructor(words: Int32Array, head: number, table: number) {
    this.#words = words;
    this.#head = head;
    this.#devices = table;
    this.#slots = table + words[head + DEVICES]! * DEVICE_WORDS;
  }

  get slots(): number {
    return this.#words[this.#head + SLOTS]!;
  }

  /** Whether anything is posted: seen from any thread at any time. */
  get hasPosted(): boolean {
    return Atomics.load(this.#words, this.#head + READY) > 0;
  }

  /** Slots that the device has in use. */
  held(device: number): number {
    return this.#words[this.#device(device) + HELD]!;
  }

  stateOf(slot: number): number {
    return this.#words[this.#slot(slot) + STATE]!;
  }

  deviceOf(slot: number): number {
    return this.#words[this.#slot(slot) + DEVICE]!;
  }

  indexOf(slot: number): number {
    return this.#words[this.#slot(slot) + INDEX]! >>> 0;
  }

  /** Bytes in it, which may be compressed. */
  lengthOf(slot: number): number {
    return this.#words[this.#slot(slot) + LENGTH]!;
  }

  /** Bytes of state in it. */
  wholeLengthOf(slot: number): number {
    return this.#words[this.#slot(slot) + WHOLE]!;
  }

  isLast(slot: number): boolean {
    return this.#words[this.#slot(slot) + LAST] === 1;
  }

  isPacked(slot: number): boolean {
    return this.#words[this.#slot(slot) + PACKED] === 1;
  }

  isAgain(slot: number): boolean {
    return this.#words[this.#slot(slot) + AGAIN] === 1;
  }

  /** The channel that took it last. */
  channelOf(slot: number): number {
    return this.#words[this.#slot(slot) + CHANNEL]!;
  }

  /** A slot for the device to fill, or -1. */
  takeFree(device: number): number {
    const slot = this.#words[this.#head + FREE]! - 1;
    if (slot < 0) return -1;
    const at = this.#slot(slot);
    this.#words[this.#head + FREE] = this.#words[at + CHAIN]!;
    this.#words[this.#device(device) + HELD]!++;
    this.#words[at + DEVICE] = device;
    this.#words[at + STATE] = SendState.filling;
    return slot;
  }

  /** Say what a slot has been filled with. It is neither raw nor posted before `toRaw` or `post`. */
  describe(slot: number, index: number, length: number, last: boolean): void {
    const at = this.#slot(slot);
    this.#words[at + INDEX] = index | 0;
    this.#words[at + LENGTH] = length;
    this.#words[at + WHOLE] = length;
    this.#words[at + LAST] = last ? 1 : 0;
    this.#words[at + PACKED] = 0;
    this.#words[at + AGAIN] = 0;
  }

  setState(slot: number, state: number): void {
    this.#words[this.#slot(slot) + STATE] = state;
  }

  /** Say that a slot holds `length` bytes now, compressed. */
  setPacked(slot: number, length: number): void {
    this.#words[this.#slot(slot) + LENGTH] = length;
    this.#words[this.#slot(slot) + PACKED] = 1;
  }

  setAgain(slot: number): void {
    this.#words[this.#slot(slot) + AGAIN] = 1;
  }

  /** Put a slot among those of its device that are posted, in the order of their indices. */
  post(slot: number): void {
    this.setState(slot, SendState.posted);
    const index = this.indexOf(slot);
    let link = this.#device(this.deviceOf(slot)) + HEAD;
    for (let next = this.#words[link]! - 1; next >= 0 && this.indexOf(next) < index; ) {
      link = this.#slot(next) + CHAIN;
      next = this.#words[link]! - 1;
    }
    this.#words[this.#slot(slot) + CHAIN] = this.#words[link]!;
    this.#words[link] = slot + 1;
    Atomics.add(this.#words, this.#head + READY, 1);
  }

  /** The posted slot of the device with the lowest index, or -1. */
  firstPosted(device: number): number {
    return this.#words[this.#device(device) + HEAD]! - 1;
  }

  /** A channel takes the device's first posted slot. */
  takeFirst(device: number, channel: number): void {
    const slot = this.firstPosted(device);
    const at = this.#slot(slot);
    this.#words[this.#device(device) + HEAD] = this.#words[at + CHAIN]!;
    this.#words[at + CHANNEL] = channel;
    this.#words[at + STATE] = SendState.taken;
    Atomics.sub(this.#words, this.#head + READY, 1);
  }

  /** A slot that is not posted is free again. */
  free(slot: number): void {
    this.#words[this.#device(this.deviceOf(slot)) + HELD]!--;
    this.setState(slot, SendState.free);
    this.#chain(slot);
  }

  /** Make chains and counts anew from the states of the slots. */
  mend(): void {
    this.#words.fill(0, this.#devices, this.#slots);
    this.#words[this.#head + FREE] = 0;
    Atomics.store(this.#words, this.#head + READY, 0);
    for (let slot = this.slots - 1; slot >= 0; slot--) {
      const state = this.stateOf(slot);
      if (state === SendState.free) {
        this.#chain(slot);
        continue;
      }
      this.#words[this.#device(this.deviceOf(slot)) + HELD]!++;
      if (state === SendState.posted) this.post(slot);
    }
  }

  #chain(slot: number): void {
    this.#words[this.#slot(slot) + CHAIN] = this.#words[this.#head + FREE]!;
    this.#words[this.#head + FREE] = slot + 1;
  }

  #device(device: number): number {
    return this.#devices + device * DEVICE_WORDS;
  }

  #slot(slot: number): number {
    return this.#slots + slot * SLOT_WORDS;
  }
}
