import { VirtqueueError } from './errors.ts';

/** One contiguous piece of guest memory as this process has it mapped. */
export interface MappedRange {
  readonly guestAddress: number;
  readonly size: number;
  /** `bytes[0]` lies at `guestAddress`. */
  readonly bytes: Uint8Array;
  /** Where `bytes[0]` lies in this process, for system calls; left out where it is no mapped memory. */
  readonly address?: number;
}

/** Where segments come from: `generation` changes whenever mappings come or go. */
export interface SegmentSource {
  readonly generation: number;
  /** The mapped range that holds `guestAddress`, or undefined where no memory is. */
  find(guestAddress: number): MappedRange | undefined;
}

const PLAIN: SegmentSource = { generation: 0, find: () => undefined };

/**
 * The pieces of memory that make up one direction of a descriptor chain, in order. Made once and filled again for each
 * request; filling allocates nothing once the arrays have grown to the longest chain seen.
 */
export class Segments {
  /** How many entries of the arrays below are in use. */
  count = 0;
  /** Bytes in all segments together. */
  total = 0;
  readonly bytes: Uint8Array[] = [];
  readonly offsets: number[] = [];
  readonly lengths: number[] = [];
  readonly guestAddresses: number[] = [];
  /** Where each piece lies in this process; 0 for plain arrays, which no system call can be given. */
  readonly addresses: number[] = [];
  #source: SegmentSource = PLAIN;
  #generation = 0;

  /** Forget all segments; those that follow come from `source` (none: plain arrays, as unit tests use them). */
  clear(source: SegmentSource = PLAIN): void {
    this.count = 0;
    this.total = 0;
    this.#source = source;
    this.#generation = source.generation;
  }

  /**
   * Append `length` bytes of `bytes` from `offset`, which the guest knows as `guestAddress` and this process as
   * `address`. No bytes: no segment.
   */
  push(bytes: Uint8Array, offset = 0, length = bytes.length - offset, guestAddress = 0, address = 0): void {
    if (length === 0) return;
    const at = this.count++;
    this.bytes[at] = bytes;
    this.offsets[at] = offset;
    this.lengths[at] = length;
    this.guestAddresses[at] = guestAddress;
    this.addresses[at] = address;
    this.total += length;
  }

  /** A copy that stays as it is when this object is filled again. Allocates. */
  clone(): Segments {
    const copy = new Segments();
    copy.clear(this.#source);
    copy.#generation = this.#generation;
    for (let i = 0; i < this.count; i++)
      copy.push(
        this.bytes[i]!,
        this.offsets[i]!,
        this.lengths[i]!,
        this.guestAddresses[i]!,
        this.addresses[i]!,
      );
    return copy;
  }

  /**
   * Make sure that no view is on memory which was unmapped since the segments were filled: a front end may change the
   * memory table while a deferred request waits. Throws `ERR_MEMORY_GONE` where the guest's memory is no longer there.
   */
  validate(): void {
    if (this.#generation !== this.#source.generation) this.#locateAgain();
  }

  #locateAgain(): void {
    for (let i = 0; i < this.count; i++) {
      const guestAddress = this.guestAddresses[i]!;
      const range = this.#source.find(guestAddress);
      if (range === undefined || guestAddress + this.lengths[i]! > range.guestAddress + range.size)
        throw new VirtqueueError(
          'ERR_MEMORY_GONE',
          `The front end took away the memory at 0x${guestAddress.toString(16)} that this request lies in`,
        );
      this.bytes[i] = range.bytes;
      this.offsets[i] = guestAddress - range.guestAddress;
      this.addresses[i] = range.address === undefined ? 0 : range.address + this.offsets[i]!;
    }
    this.#generation = this.#source.generation;
  }
}
