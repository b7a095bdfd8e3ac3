import { InflightPart, inflightError, Unfinished } from './inflight.ts';
import type { ParkedRequest } from './virtqueue.ts';

/** 16-bit words of the head that only a split queue's part has. */
const AT_LAST = 6;
const AT_USED = 7;
/** Offset within an entry of the entry that was completed before it. */
const NEXT = 6;
const COUNTER = 8;

/**
 * What a split queue has taken and not completed, noted in shared memory so that a successor of this process finds it
 * there. An entry for each descriptor, used by chains that start with it:
 *
 *     0  u64  features, 0          16 + 16 i      u8   1 while in flight
 *     8  u16  version              16 + 16 i + 6  u16  entry that was completed before
 *    10  u16  entries              16 + 16 i + 8  u64  counter: the order of taking
 *    12  u16  entry completed last
 *    14  u16  used index
 *
 * The used index in the ring and the one here tell whether the process ended between giving a request back and clearing
 * its entry. Each word is stored on its own, in the order that the vhost-user specification asks for.
 */
export class SplitInflight {
  /** What was in flight when the last process ended, in the order it was taken. */
  readonly unfinished: readonly ParkedRequest[] = [];
  /** Whether the part had been in use: then the requests before the used index and those unfinished are all there were. */
  readonly resumed: boolean;
  readonly #part: InflightPart;
  #counter = 0;

  /** For a queue of `size` whose ring has `usedIndex`. Throws `ERR_INFLIGHT` for contents that cannot be. */
  constructor(bytes: Uint8Array, size: number, usedIndex: number) {
    const part = new InflightPart('split', bytes, size);
    this.#part = part;
    this.resumed = part.used;
    if (part.used) {
      this.#settle(size, usedIndex);
      const unfinished = this.#find(size);
      this.unfinished = unfinished.inOrder;
      this.#counter = unfinished.nextCounter;
    } else {
      for (let i = 0; i < part.entries; i++) part.bytes[part.at(i)] = 0;
      part.halves[AT_LAST] = 0;
      part.halves[AT_USED] = usedIndex;
      part.begin();
    }
  }

  /** The chain that starts at `head` has been taken. */
  take(head: number): void {
    const { bytes, words } = this.#part;
    const at = this.#part.at(head);
    if (bytes[at] === 1) return;
    const counter = this.#counter++;
    words[(at + COUNTER) >>> 2] = counter;
    words[(at + COUNTER + 4) >>> 2] = counter / 0x1_0000_0000;
    bytes[at] = 1;
  }

  /** It is about to be given back. */
  complete(head: number): void {
    const { halves } = this.#part;
    halves[(this.#part.at(head) + NEXT) >>> 1] = halves[AT_LAST]!;
    halves[AT_LAST] = head;
  }

  /** It was given back. */
  clear(head: number): void {
    this.#part.bytes[this.#part.at(head)] = 0;
  }

  /** All that was given back with the used index at `usedIndex` has been cleared. */
  commit(usedIndex: number): void {
    this.#part.halves[AT_USED] = usedIndex;
  }

  /** What the ring says was given back is not in flight, whatever its entry says. */
  #settle(size: number, usedIndex: number): void {
    const { bytes, halves } = this.#part;
    const behind = (usedIndex - halves[AT_USED]!) & 0xffff;
    if (behind !== 0 && this.#any(size)) {
      if (behind > size)
        throw inflightError(
          `Used index ${halves[AT_USED]}, the ring has ${usedIndex}, ${size} apart at most`,
        );
      const seen = new Uint8Array(size);
      let index = halves[AT_LAST]!;
      for (let left = behind; left > 0; left--) {
        if (index >= size || seen[index] === 1)
          throw inflightError(`Entry ${index}, completed among the last ${behind}, is none or was before`);
        seen[index] = 1;
        const next = halves[(this.#part.at(index) + NEXT) >>> 1]!;
        bytes[this.#part.at(index)] = 0;
        index = next;
      }
    }
    halves[AT_USED] = usedIndex;
  }

  #any(size: number): boolean {
    for (let i = 0; i < size; i++) if (this.#part.bytes[this.#part.at(i)] !== 0) return true;
    return false;
  }

  #find(size: number): Unfinished<ParkedRequest> {
    const unfinished = new Unfinished<ParkedRequest>();
    const { bytes, words } = this.#part;
    for (let i = 0; i < this.#part.entries; i++) {
      const at = this.#part.at(i);
      const mark = bytes[at]!;
      if (mark === 0) continue;
      if (mark !== 1 || i >= size) throw inflightError(`Entry ${i} is marked ${mark} in a queue of ${size}`);
      unfinished.add(words[(at + COUNTER) >>> 2]!, words[(at + COUNTER + 4) >>> 2]!, { head: i });
    }
    return unfinished;
  }
}
