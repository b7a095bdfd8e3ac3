import { crc32c } from '@node-rs/crc32';
import type { MemoryRange } from './packet-io.ts';

/** The pieces of one call that a checksum is made over, adjacent ones in one. Adding allocates nothing. */
export class Pieces {
  readonly #ranges: (MemoryRange | undefined)[];
  readonly #from: Float64Array;
  readonly #to: Float64Array;
  #count = 0;

  /** Room for `most` pieces. */
  constructor(most: number) {
    this.#ranges = new Array<undefined>(most).fill(undefined);
    this.#from = new Float64Array(most);
    this.#to = new Float64Array(most);
  }

  clear(): void {
    this.#count = 0;
  }

  /** Append `length` bytes of `range` from byte `offset` on. */
  add(range: MemoryRange, offset: number, length: number): void {
    const last = this.#count - 1;
    if (last >= 0 && this.#ranges[last] === range && this.#to[last] === offset) {
      this.#to[last] = offset + length;
      return;
    }
    if (this.#count === this.#from.length)
      throw new RangeError(`More than ${this.#count} pieces for one call`);
    this.#ranges[this.#count] = range;
    this.#from[this.#count] = offset;
    this.#to[this.#count++] = offset + length;
  }

  /** The CRC-32C of everything, going on from `sum`, that of what comes before. */
  checksum(sum: number): number {
    let result = sum;
    for (let piece = 0; piece < this.#count; piece++)
      result = crc32c(this.#ranges[piece]!.bytes.subarray(this.#from[piece], this.#to[piece]), result);
    return result;
  }
}
