import { Errno, PAGE_SIZE } from '../../../sys/index.ts';
import { HOLE, type PageArena } from './arena.ts';
import { MAX_FILE_SIZE } from './limits.ts';
import { PageTable } from './table.ts';

/** Where `read` puts what it finds; a `ChainWriter` is one. It must have room for all that is asked for. */
export interface ContentSink {
  /** Append `length` bytes of `source` from `offset`. */
  write(source: Uint8Array, offset: number, length: number): number;
  /** Append `length` times `byte`. */
  fill(byte: number, length: number): number;
}

/** Where `write` takes its bytes from; a `ChainReader` is one. */
export interface ContentSource {
  /** Bytes that are left. */
  readonly remaining: number;
  /** Take `length` bytes, put them into `target` at `offset`. */
  read(target: Uint8Array, offset: number, length: number): number;
}

/** Pages of a file in a row, mapped to arena pages in a row; `written` is false where they were only reserved. */
export type Extent = {
  readonly page: number;
  readonly arenaPage: number;
  readonly count: number;
  readonly written: boolean;
};

/** Modes of fallocate(2) that a file knows. */
export const Falloc = { keepSize: 1, punchHole: 2, zeroRange: 16 } as const;

/** Free pages that a growing file likes to have after its last one. */
const MAX_ROOM = 256;

/** Pages that are looked at ahead for the end of a run whose state changes on the way, so that each is seen a few times. */
const MAX_EXTENT = 1024;

function pageOf(offset: number): number {
  return Math.floor(offset / PAGE_SIZE);
}

function pageAfter(offset: number): number {
  return Math.ceil(offset / PAGE_SIZE);
}

/**
 * The bytes of one regular file, in pages of the arena. Offsets and lengths are byte counts below `MAX_FILE_SIZE`;
 * operations answer with a count, or with a negative errno and nothing changed. Bytes beyond the size always are zero.
 */
export class FileContent {
  /** Bytes in the file. */
  size = 0;
  readonly #arena: PageArena;
  readonly #table = new PageTable();

  /** An empty file in `arena`. */
  constructor(arena: PageArena) {
    this.#arena = arena;
  }

  /** Memory the file has, in the 512-byte units of stat(2). */
  get blocks(): number {
    return this.#table.count * (PAGE_SIZE / 512);
  }

  /** Arena pages the file has. */
  get pages(): number {
    return this.#table.count;
  }

  /** Hand at most `length` bytes from `offset` to `sink`. Returns how many there were before the end of the file. */
  read(offset: number, length: number, sink: ContentSink): number {
    const end = Math.min(offset + length, this.size);
    const table = this.#table;
    for (let at = offset; at < end; ) {
      const page = pageOf(at);
      const within = at - page * PAGE_SIZE;
      const run = table.run(page, pageAfter(end) - page);
      const count = Math.min(run * PAGE_SIZE - within, end - at);
      if (table.found === HOLE) sink.fill(0, count);
      else sink.write(this.#arena.bytes, table.found * PAGE_SIZE + within, count);
      at += count;
    }
    return end > offset ? end - offset : 0;
  }

  /**
   * Put `length` bytes of `source`, or all it has left, at `offset`; the file grows as needed. Returns how many, or
   * -EFBIG, or -ENOSPC when not all of it fits.
   */
  write(offset: number, source: ContentSource, length: number): number {
    const wanted = Math.min(length, source.remaining);
    if (wanted <= 0) return 0;
    const end = offset + wanted;
    if (end > MAX_FILE_SIZE) return -Errno.EFBIG;
    if (!this.#provide(offset, end, false)) return -Errno.ENOSPC;
    const table = this.#table;
    for (let at = offset; at < end; ) {
      const page = pageOf(at);
      const within = at - page * PAGE_SIZE;
      const run = table.run(page, pageAfter(end) - page);
      const count = Math.min(run * PAGE_SIZE - within, end - at);
      this.#arena.touch(table.found, run);
      source.read(this.#arena.bytes, table.found * PAGE_SIZE + within, count);
      at += count;
    }
    if (end > this.size) this.size = end;
    return wanted;
  }

  /** Cut the file to `size` bytes, or let it end in a hole. Returns 0 or -EFBIG. */
  truncate(size: number): number {
    if (size > MAX_FILE_SIZE) return -Errno.EFBIG;
    if (size <= this.size) {
      const keep = pageAfter(size);
      this.#table.unmap(keep, Number.POSITIVE_INFINITY, this.#arena);
      this.#zeroWithin(size, keep * PAGE_SIZE);
    }
    this.size = size;
    return 0;
  }

  /**
   * fallocate(2) with `mode` 0, or `Falloc` bits: reserve memory, punch a hole, or zero a range. Returns 0, -EINVAL for
   * an empty range, -EFBIG, -ENOSPC, or -EOPNOTSUPP for any other mode.
   */
  allocate(mode: number, offset: number, length: number): number {
    if (offset < 0 || length <= 0) return -Errno.EINVAL;
    const end = offset + length;
    if (end > MAX_FILE_SIZE) return -Errno.EFBIG;
    const keepSize = (mode & Falloc.keepSize) !== 0;
    switch (mode & ~Falloc.keepSize) {
      case 0:
        if (!this.#provide(offset, end, true)) return -Errno.ENOSPC;
        break;
      case Falloc.punchHole:
        if (!keepSize) return -Errno.EOPNOTSUPP;
        this.#punch(offset, end);
        break;
      case Falloc.zeroRange:
        if (!this.#provide(offset, end, true)) return -Errno.ENOSPC;
        this.#blank(offset, end);
        break;
      default:
        return -Errno.EOPNOTSUPP;
    }
    if (!keepSize && end > this.size) this.size = end;
    return 0;
  }

  /** lseek(2) with SEEK_DATA: where the next written page begins at or after `offset`, or -ENXIO. */
  seekData(offset: number): number {
    if (offset < 0) return -Errno.ENXIO;
    let extent = this.extentFrom(pageOf(offset));
    while (extent !== undefined && !extent.written) extent = this.extentFrom(extent.page + extent.count);
    const found = extent === undefined ? this.size : Math.max(offset, extent.page * PAGE_SIZE);
    return found < this.size ? found : -Errno.ENXIO;
  }

  /** lseek(2) with SEEK_HOLE: where the next hole begins at or after `offset`, the file's end at the latest, or -ENXIO. */
  seekHole(offset: number): number {
    if (offset < 0 || offset >= this.size) return -Errno.ENXIO;
    let page = pageOf(offset);
    for (;;) {
      const extent = this.extentFrom(page);
      if (extent === undefined || !extent.written || extent.page > page) break;
      page += extent.count;
    }
    return Math.min(Math.max(offset, page * PAGE_SIZE), this.size);
  }

  /**
   * copy_file_range(2): copy `length` bytes from `offset` of this file to `targetOffset` of `target`; holes stay holes.
   * Returns how many were there, -EINVAL when both ranges are in one file and overlap or one begins before its file,
   * -EFBIG, or -ENOSPC.
   */
  copyRange(offset: number, target: FileContent, targetOffset: number, length: number): number {
    if (offset < 0 || targetOffset < 0) return -Errno.EINVAL;
    const wanted = Math.min(length, this.size - offset);
    if (wanted <= 0) return 0;
    if (targetOffset + wanted > MAX_FILE_SIZE) return -Errno.EFBIG;
    if (target === this && targetOffset < offset + wanted && offset < targetOffset + wanted)
      return -Errno.EINVAL;
    if (this.#missingForCopy(offset, target, targetOffset, wanted) > this.#arena.free) return -Errno.ENOSPC;
    for (let done = 0; done < wanted; ) {
      const count = this.#pieceAt(offset + done, wanted - done);
      const from = targetOffset + done;
      const arenaPage = this.#table.found;
      if (arenaPage === HOLE) target.#punch(from, from + count);
      else target.#copyIn(from, arenaPage * PAGE_SIZE + ((offset + done) % PAGE_SIZE), count);
      done += count;
    }
    if (targetOffset + wanted > target.size) target.size = targetOffset + wanted;
    return wanted;
  }

  /** The first extent that begins at or after `page`, or what is left of the one it is in; a long one comes in pieces. */
  extentFrom(page: number): Extent | undefined {
    const first = this.#table.next(page);
    if (first === Number.POSITIVE_INFINITY) return undefined;
    const run = this.#table.run(first, MAX_EXTENT);
    const arenaPage = this.#table.found;
    return {
      page: first,
      arenaPage,
      count: this.#arena.sameState(arenaPage, run),
      written: !this.#arena.isClean(arenaPage),
    };
  }

  /**
   * Take in `count` pages from `page` as they were saved: `bytes`, which end in the last of them, or, when there are
   * none, memory that is only reserved. The size stays as it is. Returns 0, -EFBIG, -EEXIST where something is mapped
   * there already, or -ENOSPC.
   */
  restore(page: number, count: number, bytes: Uint8Array): number {
    if ((page + count) * PAGE_SIZE > MAX_FILE_SIZE) return -Errno.EFBIG;
    if (this.#missing(page, page + count) < count) return -Errno.EEXIST;
    if (count > this.#arena.free) return -Errno.ENOSPC;
    for (let done = 0; done < count; ) {
      const grown = this.#grow(page + done, count - done, 0, 0, true);
      const data = bytes.subarray(done * PAGE_SIZE, (done + grown) * PAGE_SIZE);
      this.#arena.fill(this.#arena.taken, data);
      done += grown;
    }
    return 0;
  }

  /** Give all pages back: the file is empty. */
  release(): void {
    this.truncate(0);
  }

  /**
   * See that every page under the range is mapped. New pages that the range covers only in part hold zeroes; with
   * `blank`, all of them do. False, and nothing done, when the arena has not enough left.
   */
  #provide(offset: number, end: number, blank: boolean): boolean {
    const table = this.#table;
    const first = pageOf(offset);
    const last = pageAfter(end);
    if (table.run(first, last - first) === last - first && table.found !== HOLE) return true;
    if (this.#missing(first, last) > this.#arena.free) return false;
    for (let page = first; page < last; ) {
      const run = table.run(page, last - page);
      page += table.found === HOLE ? this.#grow(page, run, offset, end, blank) : run;
    }
    return true;
  }

  #missing(first: number, last: number): number {
    let missing = 0;
    for (let page = first; page < last; ) {
      const run = this.#table.run(page, last - page);
      if (this.#table.found === HOLE) missing += run;
      page += run;
    }
    return missing;
  }

  #grow(page: number, most: number, offset: number, end: number, blank: boolean): number {
    const table = this.#table;
    const arena = this.#arena;
    table.found = HOLE;
    if (page > 0) table.run(page - 1, 1);
    const near = table.found === HOLE ? HOLE : table.found + 1;
    const count = arena.take(most, near, Math.min(table.count, MAX_ROOM));
    const taken = arena.taken;
    table.map(page, taken, count);
    if (blank) arena.blank(taken, count);
    else {
      if (page * PAGE_SIZE < offset) arena.blank(taken, 1);
      if ((page + count) * PAGE_SIZE > end) arena.blank(taken + count - 1, 1);
    }
    return count;
  }

  #punch(offset: number, end: number): void {
    const first = pageAfter(offset);
    const last = pageOf(end);
    if (first > last) {
      this.#zeroWithin(offset, end);
      return;
    }
    this.#zeroWithin(offset, first * PAGE_SIZE);
    if (first < last) this.#table.unmap(first, last, this.#arena);
    this.#zeroWithin(last * PAGE_SIZE, end);
  }

  #blank(offset: number, end: number): void {
    const first = pageAfter(offset);
    const last = pageOf(end);
    if (first > last) {
      this.#zeroWithin(offset, end);
      return;
    }
    this.#zeroWithin(offset, first * PAGE_SIZE);
    for (let page = first; page < last; ) {
      const run = this.#table.run(page, last - page);
      this.#arena.blank(this.#table.found, run);
      page += run;
    }
    this.#zeroWithin(last * PAGE_SIZE, end);
  }

  /** Zero bytes that all lie in one page, if it is mapped. */
  #zeroWithin(offset: number, end: number): void {
    if (offset >= end) return;
    const page = pageOf(offset);
    this.#table.run(page, 1);
    const arenaPage = this.#table.found;
    if (arenaPage === HOLE || this.#arena.isClean(arenaPage)) return;
    const base = (arenaPage - page) * PAGE_SIZE;
    this.#arena.bytes.fill(0, base + offset, base + end);
  }

  /** Bytes from `offset` on, at most `most`, that lie in a row or are all unwritten: then `#table.found` is `HOLE`. */
  #pieceAt(offset: number, most: number): number {
    const page = pageOf(offset);
    let run = this.#table.run(page, Math.min(pageAfter(offset + most) - page, MAX_EXTENT));
    const arenaPage = this.#table.found;
    if (arenaPage !== HOLE) {
      run = this.#arena.sameState(arenaPage, run);
      if (this.#arena.isClean(arenaPage)) this.#table.found = HOLE;
    }
    return Math.min((page + run) * PAGE_SIZE - offset, most);
  }

  #missingForCopy(offset: number, target: FileContent, targetOffset: number, length: number): number {
    let missing = 0;
    let counted = 0;
    for (let done = 0; done < length; ) {
      const count = this.#pieceAt(offset + done, length - done);
      if (this.#table.found !== HOLE) {
        const last = pageAfter(targetOffset + done + count);
        missing += target.#missing(Math.max(counted, pageOf(targetOffset + done)), last);
        counted = last;
      }
      done += count;
    }
    return missing;
  }

  #copyIn(offset: number, arenaOffset: number, length: number): void {
    const end = offset + length;
    this.#provide(offset, end, false);
    const { bytes } = this.#arena;
    for (let at = offset; at < end; ) {
      const page = pageOf(at);
      const within = at - page * PAGE_SIZE;
      const run = this.#table.run(page, pageAfter(end) - page);
      const count = Math.min(run * PAGE_SIZE - within, end - at);
      this.#arena.touch(this.#table.found, run);
      const from = arenaOffset + (at - offset);
      bytes.copyWithin(this.#table.found * PAGE_SIZE + within, from, from + count);
      at += count;
    }
  }
}
