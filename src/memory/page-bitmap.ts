/**
 * A set of pages that several threads see and change: bit `page % 32` of word `page / 32`. Each operation is atomic by itself.
 */
export class PageBitmap {
  /** How many pages there are. */
  readonly pages: number;
  /** What other threads make their own view of the same set from. */
  readonly shared: SharedArrayBuffer;
  /** The words themselves, for loops over many pages. */
  readonly words: Int32Array<SharedArrayBuffer>;

  /** An empty set, or a view of the one in `shared`. */
  constructor(pages: number, shared = new SharedArrayBuffer(Math.ceil(pages / 32) * 4)) {
    this.pages = pages;
    this.shared = shared;
    this.words = new Int32Array(shared);
  }

  has(page: number): boolean {
    return (Atomics.load(this.words, page >>> 5) & (1 << (page & 31))) !== 0;
  }

  add(page: number): void {
    Atomics.or(this.words, page >>> 5, 1 << (page & 31));
  }

  /** Add pages `from` to `to`, without `to`. */
  addRange(from: number, to: number): void {
    for (let page = from; page < to; ) {
      const first = page & 31;
      const count = Math.min(32 - first, to - page);
      Atomics.or(this.words, page >>> 5, count === 32 ? -1 : ((1 << count) - 1) << first);
      page += count;
    }
  }

  /** Add the pages that `bits` of word `word` stand for. Returns how many of them were not there yet. */
  addWord(word: number, bits: number): number {
    return countBits(bits & ~Atomics.or(this.words, word, bits));
  }

  /** Take a page out. Whether it was there. */
  take(page: number): boolean {
    const bit = 1 << (page & 31);
    return (Atomics.and(this.words, page >>> 5, ~bit) & bit) !== 0;
  }

  /** How many pages are in the set. */
  count(): number {
    let count = 0;
    for (let i = 0; i < this.words.length; i++) count += countBits(Atomics.load(this.words, i));
    return count;
  }

  clear(): void {
    for (let i = 0; i < this.words.length; i++) Atomics.store(this.words, i, 0);
  }

  /** Move everything in here to `into`, a set of the same size. Returns how many pages it did not have yet. */
  moveTo(into: PageBitmap): number {
    let added = 0;
    for (let i = 0; i < this.words.length; i++) {
      if (Atomics.load(this.words, i) === 0) continue;
      const taken = Atomics.exchange(this.words, i, 0);
      added += into.addWord(i, taken);
    }
    return added;
  }
}

/** How many bits of a word are set. */
export function countBits(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555);
  const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
