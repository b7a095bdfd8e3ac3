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
  #lost = 0;

  /** The bitmap of `size` bytes that starts `delta` bytes into `mapping`, which belongs to the log from now on. */
  constructor(mapping: Mapping, delta: number, size: number) {
    this.#mapping = mapping;
    this.#bitmap = new Uint8Array(mapping.buffer, delta, size);
    this.pages = size * 8;
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

  [Symbol.dispose](): void {
    this.#mapping[Symbol.dispose]();
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
