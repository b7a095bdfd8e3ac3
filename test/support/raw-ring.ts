import { GuestMemory, mapRegion } from '../../src/memory/index.ts';
import { createMemfd, type Fd } from '../../src/sys/index.ts';
import { DescriptorChain, type RingMemory, ringLengths, SplitQueue } from '../../src/virtio/index.ts';

export const NEXT = 1;
export const WRITE = 2;
export const INDIRECT = 4;

/** Guest memory of `size` bytes as regions of one memfd, cut at `cuts`; everything lies at its own file offset. */
export class TestMemory implements Disposable {
  readonly fd: Fd;
  readonly memory: GuestMemory;
  readonly size: number;

  constructor(size: number, cuts: readonly number[] = []) {
    this.size = size;
    this.fd = createMemfd('test guest', size);
    this.memory = new GuestMemory(8);
    const edges = [0, ...cuts, size];
    this.memory.exchange(
      edges.slice(1).map((end, i) =>
        mapRegion(this.fd, {
          guestAddress: edges[i]!,
          size: end - edges[i]!,
          userAddress: edges[i]!,
          fileOffset: edges[i]!,
        }),
      ),
    );
  }

  /** Copy of `length` bytes at `guestAddress`, across regions. */
  read(guestAddress: number, length: number): Uint8Array {
    return Uint8Array.from({ length }, (_, i) => {
      const window = this.memory.find(guestAddress + i)!;
      return window.bytes[guestAddress + i - window.guestAddress]!;
    });
  }

  write(guestAddress: number, bytes: Uint8Array): void {
    for (const [i, byte] of bytes.entries()) {
      const window = this.memory.find(guestAddress + i)!;
      window.bytes[guestAddress + i - window.guestAddress] = byte;
    }
  }

  [Symbol.dispose](): void {
    this.memory[Symbol.dispose]();
    this.fd[Symbol.dispose]();
  }
}

/** A split virtqueue written word by word, as correct or as wrong as a test wants it. Starts at guest address `base`. */
export class RawRing {
  readonly size: number;
  readonly ring: RingMemory;
  readonly #available: DataView;
  readonly #used: DataView;
  readonly #descriptors: DataView;

  constructor(memory: GuestMemory, size: number, base = 0) {
    this.size = size;
    const lengths = ringLengths(size, 'split');
    const view = (at: number, length: number) => memory.viewUser(at, length)!;
    this.ring = {
      descriptors: view(base, lengths.descriptors),
      available: view(base + lengths.descriptors, lengths.available),
      used: view(base + Math.ceil((lengths.descriptors + lengths.available) / 4) * 4, lengths.used),
    };
    this.#descriptors = dataView(this.ring.descriptors);
    this.#available = dataView(this.ring.available);
    this.#used = dataView(this.ring.used);
  }

  /** Set descriptor `index` of the ring, or of the table in `into`. */
  describe(
    index: number,
    address: number | bigint,
    length: number,
    flags = 0,
    next = 0,
    into: Uint8Array = this.ring.descriptors,
  ): void {
    const view = into === this.ring.descriptors ? this.#descriptors : dataView(into);
    view.setBigUint64(index * 16, BigInt(address), true);
    view.setUint32(index * 16 + 8, length, true);
    view.setUint16(index * 16 + 12, flags, true);
    view.setUint16(index * 16 + 14, next, true);
  }

  /** Make the chains that start at `heads` available. */
  offer(...heads: number[]): void {
    for (const head of heads) {
      this.#available.setUint16(4 + (this.availableIndex % this.size) * 2, head, true);
      this.availableIndex = (this.availableIndex + 1) & 0xffff;
    }
  }

  get availableIndex(): number {
    return this.#available.getUint16(2, true);
  }

  set availableIndex(value: number) {
    this.#available.setUint16(2, value, true);
  }

  set availableFlags(value: number) {
    this.#available.setUint16(0, value, true);
  }

  set usedEvent(value: number) {
    this.#available.setUint16(4 + 2 * this.size, value, true);
  }

  get usedFlags(): number {
    return this.#used.getUint16(0, true);
  }

  get usedIndex(): number {
    return this.#used.getUint16(2, true);
  }

  set usedIndex(value: number) {
    this.#used.setUint16(2, value, true);
  }

  get availableEvent(): number {
    return this.#used.getUint16(4 + 8 * this.size, true);
  }

  /** The used element that was published as number `index`. */
  used(index: number): { id: number; length: number } {
    const at = 4 + (index % this.size) * 8;
    return { id: this.#used.getUint32(at, true), length: this.#used.getUint32(at + 4, true) };
  }
}

function dataView(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Bytes of a fixture's memory; its ring lies at 0. */
export const MEMORY = 0x40000;
/** Where tests put buffers. */
export const DATA = 0x10000;
export const OPTIONS = { base: 0, eventIdx: true, indirect: true };

/** A ring of `size` entries in memory cut at `cuts`, and the device's side of it once `start` is called. */
export function queueFixture(
  size = 8,
  options: Partial<typeof OPTIONS> = {},
  cuts: readonly number[] = [0x18000],
) {
  const guest = new TestMemory(MEMORY, cuts);
  const ring = new RawRing(guest.memory, size);
  const start = () => new SplitQueue(guest.memory, ring.ring, { size, ...OPTIONS, ...options });
  return {
    guest,
    ring,
    start,
    chain: new DescriptorChain(),
    [Symbol.dispose]: () => guest[Symbol.dispose](),
  };
}
