import type { Buffer, DriverQueue, DriverQueueOptions, RingAddresses } from './driver-queue.ts';
import { VirtqueueError } from './errors.ts';
import {
  availableState,
  distance,
  EVENT_DESCRIPTOR,
  EVENT_DISABLE,
  EVENT_ENABLE,
  F_INDIRECT,
  F_NEXT,
  F_STATE,
  F_WRITE,
  LAST_WORD,
  position,
  usedState,
  WORDS,
  wantsEvent,
} from './packed-ring.ts';
import type { MappedRange } from './segments.ts';

const DESCRIPTOR_SIZE = 16;

/** The driver's side of a packed virtqueue (virtio 1.2, section 2.8). A slot's number is its buffer id. */
export class PackedDriverQueue implements DriverQueue {
  readonly kind = 'packed';
  readonly size: number;
  readonly slots: number;
  readonly addresses: RingAddresses;
  usedLength = 0;
  readonly #perSlot: number;
  readonly #indirect: boolean;
  readonly #eventIdx: boolean;
  readonly #tables: number;
  /** What `submit` puts into the ring for each slot: `#lengths[slot]` descriptors, last words without their state. */
  readonly #templates: Int32Array;
  readonly #lengths: Uint16Array;
  readonly #table: Int32Array;
  readonly #ring: Int32Array;
  readonly #driverEvent: Int32Array;
  readonly #deviceEvent: Int32Array;
  readonly #sent: Uint8Array;
  #next = 0;
  #nextWrap = 1;
  #used = 0;
  #usedWrap = 1;
  /** Ring entries that belong to requests which were submitted and not collected. */
  #outstanding = 0;
  /** The first descriptor that `publish` has not shown yet, and its last word. */
  #hidden = -1;
  #hiddenWord = 0;
  /** Ring entries that `publish` is to show. */
  #unpublished = 0;
  #inFlight = 0;
  #armed = true;

  /**
   * Lay a queue of `size` entries out in `range` from guest address `base`; `layoutLength` says how much it takes. Each
   * slot has room for `perSlot` buffers, in descriptors of the ring or, `indirect`, in a table of its own.
   */
  constructor(range: MappedRange, base: number, options: DriverQueueOptions) {
    const { size, perSlot } = options;
    this.size = size;
    this.#perSlot = perSlot;
    this.#indirect = options.indirect ?? false;
    this.#eventIdx = options.eventIdx ?? false;
    this.slots = this.#indirect ? size : Math.floor(size / perSlot);
    const { bytes } = range;
    const { driverEvent, deviceEvent, tables } = partsOf(size);
    this.addresses = { descriptors: base, available: base + driverEvent, used: base + deviceEvent };
    this.#tables = base + tables;
    const start = base - range.guestAddress;
    bytes.fill(0, start, start + PackedDriverQueue.layoutLength(size, perSlot));
    const at = bytes.byteOffset + start;
    this.#ring = new Int32Array(bytes.buffer, at, size * WORDS);
    this.#driverEvent = new Int32Array(bytes.buffer, at + driverEvent, 1);
    this.#deviceEvent = new Int32Array(bytes.buffer, at + deviceEvent, 1);
    this.#table = new Int32Array(bytes.buffer, at + tables, size * perSlot * WORDS);
    this.#templates = new Int32Array(this.slots * (this.#indirect ? 1 : perSlot) * WORDS);
    this.#lengths = new Uint16Array(this.slots);
    this.#sent = new Uint8Array(this.slots);
  }

  /** Bytes of guest memory that a queue of this shape takes; its base must be a multiple of 4096. */
  static layoutLength(size: number, perSlot: number): number {
    return partsOf(size).tables + size * perSlot * DESCRIPTOR_SIZE;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Behind the last descriptor that was used, twice: nothing behind it has been taken. */
  get base(): number {
    const used = this.#finished();
    return (used | (used << 16)) >>> 0;
  }

  accepts(base: number): boolean {
    const used = this.#finished();
    const available = base & 0xffff;
    const high = base >>> 16;
    const pending = distance(used, position(this.#next, this.#nextWrap), this.size) - this.#unpublished;
    const taken = distance(used, available, this.size);
    if ((available & 0x7fff) >= this.size || taken < 0 || taken > pending) return false;
    // Some back ends keep one position alone and answer zero in the upper half
    return high === used || high === 0;
  }

  prepare(slot: number, buffers: readonly Buffer[]): void {
    if (slot < 0 || slot >= this.slots) throw new RangeError(`Slot ${slot}, there are ${this.slots}`);
    if (buffers.length === 0 || buffers.length > this.#perSlot)
      throw new RangeError(`${buffers.length} buffers in a slot for 1 to ${this.#perSlot}`);
    if (!this.#indirect) {
      this.#lengths[slot] = buffers.length;
      for (const [i, { address, length, writable }] of buffers.entries()) {
        const flags = (writable ? F_WRITE : 0) | (i + 1 < buffers.length ? F_NEXT : 0);
        describe(this.#templates, slot * this.#perSlot + i, address, length, (flags << 16) | slot);
      }
      return;
    }
    const first = slot * this.#perSlot;
    for (const [i, { address, length, writable }] of buffers.entries())
      describe(this.#table, first + i, address, length, writable ? F_WRITE << 16 : 0);
    this.#lengths[slot] = 1;
    const table = this.#tables + first * DESCRIPTOR_SIZE;
    describe(this.#templates, slot, table, buffers.length * DESCRIPTOR_SIZE, (F_INDIRECT << 16) | slot);
  }

  submit(slot: number): void {
    const length = this.#lengths[slot]!;
    const ring = this.#ring;
    const templates = this.#templates;
    let from = (this.#indirect ? slot : slot * this.#perSlot) * WORDS;
    const first = this.#next;
    let firstWord = 0;
    for (let i = 0; i < length; i++) {
      const to = this.#next * WORDS;
      ring[to] = templates[from]!;
      ring[to + 1] = templates[from + 1]!;
      ring[to + 2] = templates[from + 2]!;
      const word = templates[from + LAST_WORD]! | (availableState(this.#nextWrap) << 16);
      if (i === 0) firstWord = word;
      else ring[to + LAST_WORD] = word;
      from += WORDS;
      if (++this.#next === this.size) {
        this.#next = 0;
        this.#nextWrap ^= 1;
      }
    }
    // The device sees nothing of what lies behind a first descriptor that is not available
    if (this.#hidden < 0) {
      this.#hidden = first;
      this.#hiddenWord = firstWord;
    } else ring[first * WORDS + LAST_WORD] = firstWord;
    this.#sent[slot] = 1;
    this.#outstanding += length;
    this.#unpublished += length;
    this.#inFlight++;
  }

  publish(): boolean {
    if (this.#hidden < 0) return false;
    Atomics.store(this.#ring, this.#hidden * WORDS + LAST_WORD, this.#hiddenWord);
    this.#hidden = -1;
    const count = this.#unpublished;
    this.#unpublished = 0;
    const area = Atomics.load(this.#deviceEvent, 0);
    const flags = area >>> 16;
    if (flags === EVENT_DISABLE) return false;
    if (!this.#eventIdx || flags !== EVENT_DESCRIPTOR) return true;
    return wantsEvent(area, this.#next, this.#nextWrap, count, this.size);
  }

  collect(): number {
    const at = this.#used * WORDS;
    const word = Atomics.load(this.#ring, at + LAST_WORD);
    if (this.#outstanding === 0 || ((word >>> 16) & F_STATE) !== usedState(this.#usedWrap)) return -1;
    const slot = word & 0xffff;
    if (slot >= this.slots || this.#sent[slot] === 0)
      throw new VirtqueueError('ERR_USED_ID', `The device used buffer ${slot}, which is not in flight`);
    this.usedLength = this.#ring[at + 2]! >>> 0;
    const length = this.#lengths[slot]!;
    this.#sent[slot] = 0;
    this.#inFlight--;
    this.#outstanding -= length;
    this.#used += length;
    if (this.#used >= this.size) {
      this.#used -= this.size;
      this.#usedWrap ^= 1;
    }
    return slot;
  }

  armCall(): boolean {
    this.#armed = true;
    const area = this.#eventIdx
      ? (EVENT_DESCRIPTOR << 16) | position(this.#used, this.#usedWrap)
      : EVENT_ENABLE << 16;
    Atomics.store(this.#driverEvent, 0, area);
    return !this.#isUsed(this.#used, this.#usedWrap) || this.#outstanding === 0;
  }

  disarmCall(): void {
    if (!this.#armed) return;
    this.#armed = false;
    Atomics.store(this.#driverEvent, 0, EVENT_DISABLE << 16);
  }

  #isUsed(index: number, wrap: number): boolean {
    return ((Atomics.load(this.#ring, index * WORDS + LAST_WORD) >>> 16) & F_STATE) === usedState(wrap);
  }

  /** The position behind all that the device has used, collected or not. */
  #finished(): number {
    let index = this.#used;
    let wrap = this.#usedWrap;
    for (let left = this.#outstanding; left > 0 && this.#isUsed(index, wrap); ) {
      const length = this.#lengths[this.#ring[index * WORDS + LAST_WORD]! & 0xffff] ?? 0;
      if (length === 0) break;
      left -= length;
      index += length;
      if (index >= this.size) {
        index -= this.size;
        wrap ^= 1;
      }
    }
    return position(index, wrap);
  }
}

function describe(into: Int32Array, index: number, address: number, length: number, lastWord: number): void {
  const at = index * WORDS;
  into[at] = address % 0x1_0000_0000;
  into[at + 1] = Math.floor(address / 0x1_0000_0000);
  into[at + 2] = length;
  into[at + LAST_WORD] = lastWord;
}

/** Offsets of a queue's parts from its base: each side's event area has a cache line of its own. */
function partsOf(size: number): { driverEvent: number; deviceEvent: number; tables: number } {
  const driverEvent = Math.ceil((size * DESCRIPTOR_SIZE) / 64) * 64;
  const deviceEvent = driverEvent + 64;
  const tables = Math.ceil((deviceEvent + 64) / 4096) * 4096;
  return { driverEvent, deviceEvent, tables };
}
