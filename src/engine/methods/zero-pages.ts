import { isZeroMemory, ZERO_SPAN } from '../../sys/index.ts';

/** Bytes under one view: indexes of words in it are small, which the engine is many times faster with. */
const WINDOW = 2 ** 30;

/**
 * Finds the pages of mapped memory that hold nothing but zeroes. Most pages that do not are told by their first word; the
 * others, and neighbours among them in one go, are left to memcmp(3), which is several times faster than a loop here.
 */
export class ZeroPages {
  readonly #address: number;
  readonly #pageSize: number;
  readonly #windows: readonly Int32Array<ArrayBuffer>[];
  /** Powers of two: pages in a window, words in a page. */
  readonly #windowShift: number;
  readonly #pageShift: number;
  readonly #pagesPerCall: number;

  /** Memory whose first byte lies at `address`, in pages of `pageSize`, a power of two. It must stay mapped. */
  constructor(bytes: Uint8Array<ArrayBuffer>, address: number, pageSize: number) {
    this.#address = address;
    this.#pageSize = pageSize;
    this.#windowShift = Math.log2(WINDOW / pageSize);
    this.#pageShift = Math.log2(pageSize / 4);
    this.#pagesPerCall = Math.max(1, Math.floor(ZERO_SPAN / pageSize));
    const windows: Int32Array<ArrayBuffer>[] = [];
    for (let at = 0; at < bytes.length; at += WINDOW) {
      const words = Math.min(WINDOW, bytes.length - at) / 4;
      windows.push(new Int32Array(bytes.buffer, bytes.byteOffset + at, words));
    }
    this.#windows = windows;
  }

  /**
   * Look at the first `count` of `pages`, page numbers in rising order. Sets `zero` to 1 for each page that is zero and to 0
   * for the others, and returns how many are zero.
   */
  find(pages: Int32Array, count: number, zero: Uint8Array): number {
    let found = 0;
    for (let i = 0; i < count; ) {
      const first = pages[i]!;
      if (!this.#begins(first)) {
        zero[i++] = 0;
        continue;
      }
      let run = 1;
      while (
        run < this.#pagesPerCall &&
        i + run < count &&
        pages[i + run] === first + run &&
        this.#begins(first + run)
      )
        run++;
      found += this.#mark(first, run, zero, i);
      i += run;
    }
    return found;
  }

  /** Whether pages `first` to `first + count` are all zero. */
  areZero(first: number, count: number): boolean {
    for (let at = 0; at < count; at += this.#pagesPerCall)
      if (!this.#compare(first + at, Math.min(this.#pagesPerCall, count - at))) return false;
    return true;
  }

  /** Whether the first word of a page is zero. */
  #begins(page: number): boolean {
    const window = this.#windows[page >>> this.#windowShift]!;
    const within = page & ((1 << this.#windowShift) - 1);
    return window[within << this.#pageShift] === 0;
  }

  /** Set `zero` from `at` on for `count` neighbours: by halves, where not all of them are zero. */
  #mark(first: number, count: number, zero: Uint8Array, at: number): number {
    if (this.#compare(first, count)) {
      zero.fill(1, at, at + count);
      return count;
    }
    if (count === 1) {
      zero[at] = 0;
      return 0;
    }
    const half = count >> 1;
    return this.#mark(first, half, zero, at) + this.#mark(first + half, count - half, zero, at + half);
  }

  #compare(first: number, count: number): boolean {
    return isZeroMemory(this.#address + first * this.#pageSize, count * this.#pageSize);
  }
}
