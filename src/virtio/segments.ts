import { VirtqueueError } from './errors.ts';

/** One contiguous piece of guest memory as this process has it mapped. */
export interface MappedRange {
  readonly guestAddress: number;
  readonly size: number;
  /** `bytes[0]` lies at `guestAddress`. */
  readonly bytes: Uint8Array;
  /** The same memory in words of four bytes, from its beginning; left out where it has none. */
  readonly words?: Uint32Array | undefined;
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
  /** What each piece is in, where it begins there, and how long it is. */
  readonly ranges: MappedRange[] = [];
  readonly offsets: number[] = [];
  readonly lengths: number[] = [];
  #source: SegmentSource = PLAIN;
  #generation = 0;

  /** Forget all segments; those that follow come from `source` (none: plain arrays, as unit tests use them). */
  clear(source: SegmentSource = PLAIN): void {
    this.count = 0;
    this.total = 0;
    this.#source = source;
    this.#generation = source.generation;
  }

  /** Append the `length` bytes of `range` from its byte `offset` on; there is at least one. */
  append(range: MappedRange, offset: number, length: number): void {
    const at = this.count++;
    this.ranges[at] = range;
    this.offsets[at] = offset;
    this.lengths[at] = length;
    this.total += length;
  }

  /** `append` of a plain array, whose byte `offset` the guest would know as `guestAddress`. Allocates. */
  push(bytes: Uint8Array, offset = 0, length = bytes.length - offset, guestAddress = offset): void {
    const range = { guestAddress: guestAddress - offset, size: bytes.length, bytes };
    if (length > 0) this.append(range, offset, length);
  }

  /** Where the guest has the first byte of segment `index`. */
  guestAddress(index: number): number {
    return this.ranges[index]!.guestAddress + this.offsets[index]!;
  }

  /** A copy that stays as it is when this object is filled again. Allocates. */
  clone(): Segments {
    const copy = new Segments();
    copy.clear(this.#source);
    copy.#generation = this.#generation;
    for (let i = 0; i < this.count; i++) copy.append(this.ranges[i]!, this.offsets[i]!, this.lengths[i]!);
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
      const guestAddress = this.guestAddress(i);
      const range = this.#source.find(guestAddress);
      if (range === undefined || guestAddress + this.lengths[i]! > range.guestAddress + range.size)
        throw new VirtqueueError(
          'ERR_MEMORY_GONE',
          `The front end took away the memory at 0x${guestAddress.toString(16)} that this request lies in`,
        );
      this.ranges[i] = range;
      this.offsets[i] = guestAddress - range.guestAddress;
    }
    this.#generation = this.#source.generation;
  }
}
