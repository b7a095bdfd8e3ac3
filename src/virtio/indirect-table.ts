import type { GuestMemory } from '../memory/index.ts';
import { copyBytes } from './copy.ts';
import { MIN_INDIRECT } from './limits.ts';

/**
 * The indirect table under use: guest memory as it is where the table lies in one piece of it, else a copy. The driver
 * may change it at any time, so each word is to be read once.
 */
export class IndirectTable {
  /** Most descriptors that a table may have. */
  readonly capacity: number;
  /** What `open` found: the table begins at word `start`. */
  words: Uint32Array;
  start = 0;
  readonly #memory: GuestMemory;
  #copy = new Uint32Array(64 * 4);

  constructor(memory: GuestMemory, queueSize: number) {
    this.#memory = memory;
    this.capacity = Math.max(queueSize, MIN_INDIRECT);
    this.words = this.#copy;
  }

  /**
   * Go to the table of `length` bytes (at most `capacity` descriptors) at `guestAddress`. Valid until the next call;
   * false where not all of it is guest memory.
   */
  open(guestAddress: number, length: number): boolean {
    const window = this.#memory.find(guestAddress);
    if (window === undefined) return false;
    const start = guestAddress - window.guestAddress;
    if (window.words === undefined || start % 4 !== 0 || start + length > window.size)
      return this.#gather(guestAddress, length);
    this.words = window.words;
    this.start = start >> 2;
    return true;
  }

  #gather(guestAddress: number, length: number): boolean {
    if (length > this.#copy.byteLength) this.#copy = new Uint32Array(this.capacity * 4);
    const into = new Uint8Array(this.#copy.buffer);
    this.words = this.#copy;
    this.start = 0;
    let done = 0;
    while (done < length) {
      const window = this.#memory.find(guestAddress + done);
      if (window === undefined) return false;
      const start = guestAddress + done - window.guestAddress;
      const piece = Math.min(length - done, window.size - start);
      copyBytes(window.bytes, start, into, done, piece);
      done += piece;
    }
    return true;
  }
}
