import type { GuestMemory } from '../memory/index.ts';
import { copyBytes } from './copy.ts';
import { MIN_INDIRECT } from './limits.ts';

/** A private copy of the indirect table under use, so that the driver cannot change it while it is being checked. */
export class IndirectTable {
  /** Most descriptors that a table may have. */
  readonly capacity: number;
  readonly #memory: GuestMemory;
  #bytes = new Uint8Array(64 * 16);
  #words = new Uint32Array(this.#bytes.buffer);

  constructor(memory: GuestMemory, queueSize: number) {
    this.#memory = memory;
    this.capacity = Math.max(queueSize, MIN_INDIRECT);
  }

  /**
   * Copy `length` bytes (at most `capacity` descriptors) at `guestAddress`. Valid until the next call; undefined where
   * not all of it is guest memory.
   */
  copy(guestAddress: number, length: number): Uint32Array | undefined {
    if (length > this.#bytes.length) {
      this.#bytes = new Uint8Array(this.capacity * 16);
      this.#words = new Uint32Array(this.#bytes.buffer);
    }
    const into = this.#bytes;
    let done = 0;
    while (done < length) {
      const window = this.#memory.find(guestAddress + done);
      if (window === undefined) return undefined;
      const start = guestAddress + done - window.guestAddress;
      const piece = Math.min(length - done, window.size - start);
      copyBytes(window.bytes, start, into, done, piece);
      done += piece;
    }
    return this.#words;
  }
}
