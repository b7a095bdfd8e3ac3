import type { GuestMemory } from '../../src/memory/index.ts';
import {
  DescriptorChain,
  initialBase,
  PackedQueue,
  type RingMemory,
  ringLengths,
} from '../../src/virtio/index.ts';
import { MEMORY, TestMemory } from './raw-ring.ts';

/** Bits of a packed descriptor's flags beside those of a split one. */
export const AVAILABLE = 1 << 7;
export const USED = 1 << 15;

/** A packed virtqueue written descriptor by descriptor, as correct or as wrong as a test wants it. Starts at 0. */
export class RawPackedRing {
  readonly size: number;
  readonly ring: RingMemory;
  /** Where `put` goes on. */
  next = 0;
  wrap = 1;
  readonly #view: DataView;
  readonly #events: DataView;

  constructor(memory: GuestMemory, size: number) {
    this.size = size;
    const lengths = ringLengths(size, 'packed');
    const events = lengths.descriptors;
    this.ring = {
      descriptors: memory.viewUser(0, lengths.descriptors)!,
      available: memory.viewUser(events, lengths.available)!,
      used: memory.viewUser(events + 4, lengths.used)!,
    };
    const { descriptors, available } = this.ring;
    this.#view = new DataView(descriptors.buffer, descriptors.byteOffset, descriptors.length);
    this.#events = new DataView(available.buffer, available.byteOffset, 8);
  }

  /** Make one descriptor available at the next place. */
  put(address: number | bigint, length: number, flags = 0, id = 0): void {
    this.describe(this.next, address, length, flags | (this.wrap === 1 ? AVAILABLE : USED), id);
    this.next = (this.next + 1) % this.size;
    if (this.next === 0) this.wrap ^= 1;
  }

  /** Set descriptor `index` of the ring, or of the table in `into`, flags as they are given. */
  describe(
    index: number,
    address: number | bigint,
    length: number,
    flags: number,
    id: number,
    into?: Uint8Array,
  ): void {
    const view = into === undefined ? this.#view : new DataView(into.buffer, into.byteOffset, into.length);
    view.setBigUint64(index * 16, BigInt(address), true);
    view.setUint32(index * 16 + 8, length, true);
    view.setUint16(index * 16 + 12, id, true);
    view.setUint16(index * 16 + 14, flags, true);
  }

  /** What stands in descriptor `index`. */
  descriptor(index: number): { length: number; id: number; flags: number } {
    const at = index * 16;
    return {
      length: this.#view.getUint32(at + 8, true),
      id: this.#view.getUint16(at + 12, true),
      flags: this.#view.getUint16(at + 14, true),
    };
  }

  /** Set when the driver wants to be called: 0 always, 1 never, 2 at `position` (wrap counter in bit 15). */
  wantCalls(flags: number, position = 0): void {
    this.#events.setUint16(0, position, true);
    this.#events.setUint16(2, flags, true);
  }

  /** When the device wants to be kicked. */
  get kicks(): { position: number; flags: number } {
    return { position: this.#events.getUint16(4, true), flags: this.#events.getUint16(6, true) };
  }
}

export const PACKED = { base: initialBase('packed'), eventIdx: true, indirect: true };

/** A packed ring of `size` entries in memory cut at `cuts`, and the device's side of it once `start` is called. */
export function packedFixture(
  size = 8,
  options: Partial<typeof PACKED> = {},
  cuts: readonly number[] = [0x18000],
) {
  const guest = new TestMemory(MEMORY, cuts);
  const ring = new RawPackedRing(guest.memory, size);
  const start = (more: Partial<typeof PACKED> & { inflight?: Uint8Array } = {}) =>
    new PackedQueue(guest.memory, ring.ring, { size, ...PACKED, ...options, ...more });
  return {
    guest,
    ring,
    start,
    chain: new DescriptorChain(),
    [Symbol.dispose]: () => guest[Symbol.dispose](),
  };
}
