import { PageBitmap } from '../../memory/index.ts';
import { PAGE_SIZE, viewMemory } from '../../sys/index.ts';
import { PAGE_WORDS } from './page.ts';

/** The engine is many times slower at indexes that no 32-bit integer holds. */
const WINDOW_PAGES = 2 ** 18;

/** Where a piece of a machine's RAM lies and how its pages are numbered. Plain data: it travels to threads. */
export interface MarkedPlace {
  readonly address: number;
  /** Bytes: whole pages. */
  readonly length: number;
  /** Number of its first page in `marks`. */
  readonly firstPage: number;
  /** The memory of the set of written pages, and how many pages it covers. */
  readonly marks: SharedArrayBuffer;
  readonly markedPages: number;
}

/** A piece of a machine's RAM as a thread sees that writes to it, and the set in which it marks what it wrote. */
export class MarkedMemory {
  /** How many pages there are. */
  readonly pages: number;
  readonly address: number;
  readonly #windows: readonly Uint32Array<ArrayBuffer>[];
  readonly #marks: PageBitmap;
  readonly #firstPage: number;

  constructor({ address, length, firstPage, marks, markedPages }: MarkedPlace) {
    this.pages = length / PAGE_SIZE;
    this.address = address;
    this.#marks = new PageBitmap(markedPages, marks);
    this.#firstPage = firstPage;
    const window = WINDOW_PAGES * PAGE_SIZE;
    this.#windows = Array.from({ length: Math.ceil(length / window) }, (_, i) => {
      const { buffer } = viewMemory(address + i * window, Math.min(window, length - i * window));
      return new Uint32Array(buffer);
    });
  }

  /** Words that page `page` lies in, from `wordOf(page)` on. */
  wordsOf(page: number): Uint32Array<ArrayBuffer> {
    return this.#windows[Math.floor(page / WINDOW_PAGES)]!;
  }

  wordOf(page: number): number {
    return (page % WINDOW_PAGES) * PAGE_WORDS;
  }

  /** `length` bytes from the start of page `page` on, within one window. */
  bytes(page: number, length: number): Uint8Array<ArrayBuffer> {
    const words = this.wordsOf(page);
    return new Uint8Array(words.buffer, this.wordOf(page) * 4, length);
  }

  /**
   * Page `page` was written. To be called *after* the writing: whoever collects marks takes them out before it reads the
   * pages. So either it takes the mark, and what it then reads is what was written; or the mark comes after it took, and
   * is there the next time. Were the page marked first, the mark could be taken and the page be read before it is written,
   * and nothing would tell of the write. The mark is an atomic read-modify-write, which no write before it passes.
   */
  mark(page: number): void {
    this.#marks.add(this.#firstPage + page);
  }

  /** As `mark`, for pages `from` to `to`, without `to`. */
  markRange(from: number, to: number): void {
    this.#marks.addRange(this.#firstPage + from, this.#firstPage + to);
  }
}
