import type { Buffer, DriverQueue, DriverQueueOptions, RingAddresses } from './driver-queue.ts';
import { VirtqueueError } from './errors.ts';
import type { MappedRange } from './segments.ts';

const F_NEXT = 1;
const F_WRITE = 2;
const F_INDIRECT = 4;
const DESCRIPTOR_SIZE = 16;
const NO_INTERRUPT = 1;
const NO_NOTIFY = 1;

/** The driver's side of a split virtqueue (virtio 1.2, section 2.7). */
export class SplitDriverQueue implements DriverQueue {
  readonly kind = 'split';
  readonly size: number;
  readonly slots: number;
  readonly addresses: RingAddresses;
  readonly #perSlot: number;
  readonly #indirect: boolean;
  readonly #eventIdx: boolean;
  readonly #memory: DataView;
  readonly #guestBase: number;
  readonly #tables: number;
  readonly #available: Uint16Array;
  readonly #used: Uint16Array;
  readonly #usedElements: Uint32Array;
  #nextAvailable = 0;
  #published = 0;
  #nextUsed = 0;
  usedLength = 0;
  readonly #sent: Uint8Array;
  #armed = true;

  /**
   * Lay a queue of `size` entries out in `range` from guest address `base`; `layoutLength` says how much it takes.
   * Each slot has room for `perSlot` buffers, in its own descriptors or, `indirect`, in a table of its own.
   */
  constructor(range: MappedRange, base: number, options: DriverQueueOptions) {
    const { size, perSlot } = options;
    this.size = size;
    this.#perSlot = perSlot;
    this.#indirect = options.indirect ?? false;
    this.#eventIdx = options.eventIdx ?? false;
    this.slots = this.#indirect ? size : Math.floor(size / perSlot);
    this.#sent = new Uint8Array(this.slots);
    const { bytes } = range;
    this.#memory = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#guestBase = range.guestAddress;
    const { available, used, tables } = partsOf(size);
    this.addresses = { descriptors: base, available: base + available, used: base + used };
    this.#tables = base + tables;
    const at = bytes.byteOffset + base - range.guestAddress;
    this.#available = new Uint16Array(bytes.buffer, at + available, 3 + size);
    this.#used = new Uint16Array(bytes.buffer, at + used, 3 + size * 4);
    this.#usedElements = new Uint32Array(bytes.buffer, at + used + 4, size * 2);
    bytes.fill(
      0,
      base - range.guestAddress,
      base - range.guestAddress + SplitDriverQueue.layoutLength(size, perSlot),
    );
  }

  /** Bytes of guest memory that a queue of this shape takes; its base must be a multiple of 4096. */
  static layoutLength(size: number, perSlot: number): number {
    return partsOf(size).tables + size * perSlot * DESCRIPTOR_SIZE;
  }

  prepare(slot: number, buffers: readonly Buffer[]): void {
    if (slot < 0 || slot >= this.slots) throw new RangeError(`Slot ${slot}, there are ${this.slots}`);
    if (buffers.length === 0 || buffers.length > this.#perSlot)
      throw new RangeError(`${buffers.length} buffers in a slot for 1 to ${this.#perSlot}`);
    const tableLength = buffers.length * DESCRIPTOR_SIZE;
    const table = this.#tables + slot * this.#perSlot * DESCRIPTOR_SIZE;
    const first = this.#indirect ? 0 : slot * this.#perSlot;
    const start = this.#indirect ? table : this.addresses.descriptors + first * DESCRIPTOR_SIZE;
    for (const [i, { address, length, writable }] of buffers.entries()) {
      const flags = (writable ? F_WRITE : 0) | (i + 1 < buffers.length ? F_NEXT : 0);
      this.#describe(start + i * DESCRIPTOR_SIZE, address, length, flags, first + i + 1);
    }
    if (this.#indirect)
      this.#describe(this.addresses.descriptors + slot * DESCRIPTOR_SIZE, table, tableLength, F_INDIRECT, 0);
  }

  submit(slot: number): void {
    const head = this.#indirect ? slot : slot * this.#perSlot;
    this.#available[2 + (this.#nextAvailable & (this.size - 1))] = head;
    this.#nextAvailable = (this.#nextAvailable + 1) & 0xffff;
    this.#sent[slot] = 1;
  }

  publish(): boolean {
    const old = this.#published;
    const now = this.#nextAvailable;
    this.#published = now;
    Atomics.store(this.#available, 1, now);
    if (!this.#eventIdx) return (Atomics.load(this.#used, 0) & NO_NOTIFY) === 0;
    const event = Atomics.load(this.#used, 2 + this.size * 4);
    return ((now - event - 1) & 0xffff) < ((now - old) & 0xffff);
  }

  collect(): number {
    if (Atomics.load(this.#used, 1) === this.#nextUsed) return -1;
    const element = (this.#nextUsed & (this.size - 1)) * 2;
    const head = this.#usedElements[element]!;
    const slot = this.#indirect ? head : Math.floor(head / this.#perSlot);
    if (slot >= this.slots || this.#sent[slot] === 0)
      throw new VirtqueueError('ERR_USED_ID', `The device used descriptor ${head}, which is not in flight`);
    this.#sent[slot] = 0;
    this.usedLength = this.#usedElements[element + 1]!;
    this.#nextUsed = (this.#nextUsed + 1) & 0xffff;
    return slot;
  }

  armCall(): boolean {
    this.#armed = true;
    if (this.#eventIdx) Atomics.store(this.#available, 2 + this.size, this.#nextUsed);
    else Atomics.store(this.#available, 0, 0);
    return Atomics.load(this.#used, 1) === this.#nextUsed;
  }

  disarmCall(): void {
    if (!this.#armed) return;
    this.#armed = false;
    if (this.#eventIdx) Atomics.store(this.#available, 2 + this.size, (this.#nextUsed - 1) & 0xffff);
    else Atomics.store(this.#available, 0, NO_INTERRUPT);
  }

  get inFlight(): number {
    return (this.#nextAvailable - this.#nextUsed) & 0xffff;
  }

  /** The used index: requests before it are finished. */
  get base(): number {
    return Atomics.load(this.#used, 1);
  }

  accepts(base: number): boolean {
    const used = this.base;
    return base >>> 16 === 0 && ((base - used) & 0xffff) <= ((this.#published - used) & 0xffff);
  }

  #describe(guestAddress: number, address: number, length: number, flags: number, next: number): void {
    const at = guestAddress - this.#guestBase;
    this.#memory.setBigUint64(at, BigInt(address), true);
    this.#memory.setUint32(at + 8, length, true);
    this.#memory.setUint16(at + 12, flags, true);
    this.#memory.setUint16(at + 14, next, true);
  }
}

/** Offsets of a queue's parts from its base: aligned as the specification wants, the used ring on a page of its own. */
function partsOf(size: number): { available: number; used: number; tables: number } {
  const available = size * DESCRIPTOR_SIZE;
  const used = Math.ceil((available + 6 + 2 * size) / 4096) * 4096;
  const tables = Math.ceil((used + 6 + 8 * size) / 4096) * 4096;
  return { available, used, tables };
}
