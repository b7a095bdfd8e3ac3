import { FerryError } from '../errors.ts';
import { type Fd, type Mapping, mapShared, PAGE_SIZE } from '../sys/index.ts';

/** Bytes of guest memory that one bit of a log stands for. */
export const LOG_PAGE_SIZE = 4096;

/**
 * A bitmap shared with the front end, in which whoever writes to guest memory marks the page as dirty: bit `page % 8`
 * of byte `page / 8`, page 0 at guest address 0. Marking never fails: what a short log cannot hold is counted.
 */
export class DirtyLog implements Disposable {
  /** Pages that the log covers. */
  readonly pages: number;
  readonly #mapping: Mapping;
  readonly #bitmap: Uint8Array<ArrayBuffer>;
  /** The part of the bitmap that words of four bytes cover, behind `head` single ones: mostly nothing is marked. */
  readonly #words: Uint32Array<ArrayBuffer>;
  readonly #head: number;
  #lost = 0;

  /** The bitmap of `size` bytes that starts `delta` bytes into `mapping`, which belongs to the log from now on. */
  constructor(mapping: Mapping, delta: number, size: number) {
    this.#mapping = mapping;
    this.#bitmap = new Uint8Array(mapping.buffer, delta, size);
    this.pages = size * 8;
    const head = -delta & 3;
    this.#head = size < head + 4 ? size : head;
    this.#words =
      size < head + 4
        ? new Uint32Array(0)
        : new Uint32Array(mapping.buffer, delta + head, (size - head) >> 2);
  }

  /** How many marks fell, at least in part, beyond the end of the log. */
  get lost(): number {
    return this.#lost;
  }

  /**
   * Mark the pages under `length` bytes at `guestAddress`. Always an atomic read-modify-write, though the bit may be
   * set already: the front end clears bits and then reads the page, so what was written must be visible before.
   */
  mark(guestAddress: number, length: number): void {
    if (length <= 0) return;
    let page = Math.floor(guestAddress / LOG_PAGE_SIZE);
    let last = Math.floor((guestAddress + length - 1) / LOG_PAGE_SIZE);
    if (last >= this.pages) {
      this.#lost++;
      last = this.pages - 1;
    }
    while (page <= last) {
      const byte = Math.floor(page / 8);
      const from = page - byte * 8;
      const to = Math.min(last - byte * 8, 7);
      Atomics.or(this.#bitmap, byte, (0xff << from) & (0xff >> (7 - to)) & 0xff);
      page = byte * 8 + 8;
    }
  }

  /**
   * Take every mark out, and call `visit` with the number of each page that had one, in order. A page that is marked
   * meanwhile shows up now or next time: its bit is gone before it is visited.
   */
  collect(visit: (page: number) => void): void {
    const bitmap = this.#bitmap;
    const words = this.#words;
    take(bitmap, 0, this.#head, visit);
    for (let i = 0; i < words.length; i++) if (words[i] !== 0) take(bitmap, this.#head + i * 4, 4, visit);
    const tail = this.#head + words.length * 4;
    take(bitmap, tail, bitmap.length - tail, visit);
  }

  [Symbol.dispose](): void {
    this.#mapping[Symbol.dispose]();
  }
}

/** Take the marks out of `count` bytes of a bitmap. */
function take(bitmap: Uint8Array, from: number, count: number, visit: (page: number) => void): void {
  for (let byte = from; byte < from + count; byte++) {
    if (bitmap[byte] === 0) continue;
    const marks = Atomics.exchange(bitmap, byte, 0);
    for (let bit = 0; bit < 8; bit++) if ((marks & (1 << bit)) !== 0) visit(byte * 8 + bit);
  }
}

/**
 * Map a log of `size` bytes that lies in the file `fd` from `offset` on. Throws `ERR_LOG` for an empty or impossible
 * range, `ERR_BEYOND_END` where the file is too short, and a `SystemError` where mmap fails.
 */
export function mapDirtyLog(fd: Fd, offset: number, size: number): DirtyLog {
  if (size <= 0 || !Number.isSafeInteger(offset + size))
    throw new FerryError('ERR_LOG', `A dirty log of ${size} bytes at offset ${offset} cannot be`);
  const delta = offset % PAGE_SIZE;
  return new DirtyLog(mapShared(fd, offset - delta, delta + size, { name: 'dirty log' }), delta, size);
}
