import type { PageArena } from './arena.ts';
import { HOLE } from './arena.ts';

/** File pages per chunk of the table: 256 KiB of a file. */
const CHUNK = 64;

/** Entry of a chunk that counts the pages mapped in it. */
const MAPPED = CHUNK;

const NO_KEYS: number[] = [];
const NO_CHUNKS: Int32Array[] = [];

/**
 * Which arena page holds which page of one file. The pages from the file's start that lie in a row in the arena are
 * kept as one run; what comes after them is in chunks of 64 entries, sorted by place, and only where something is
 * mapped: a hole costs nothing, however long.
 */
export class PageTable {
  /** Pages mapped. */
  count = 0;
  /** Arena page at which the run that `run` measured begins, or `HOLE`. */
  found = HOLE;
  #base = HOLE;
  #head = 0;
  #keys = NO_KEYS;
  #chunks = NO_CHUNKS;
  #last = 0;

  /**
   * How many pages from `page` on, at most `most`, lie in a row in the arena or are all holes; `found` says where. A
   * longer run may come in pieces.
   */
  run(page: number, most: number): number {
    const head = this.#head;
    if (page < head) {
      this.found = this.#base + page;
      return Math.min(most, head - page);
    }
    if (this.#keys.length === 0) {
      this.found = HOLE;
      return most;
    }
    return this.#runInChunks(page, most);
  }

  /** Map `count` pages from `page`, which must be holes, to the arena pages from `arenaPage`. */
  map(page: number, arenaPage: number, count: number): void {
    this.count += count;
    if (page === this.#head && (page === 0 || arenaPage === this.#base + page)) {
      if (page === 0) this.#base = arenaPage;
      this.#head += count;
    } else this.#enter(page, arenaPage, count);
  }

  /** Make every page from `page` to before `end` a hole and give what was mapped back to `arena`. */
  unmap(page: number, end: number, arena: PageArena): void {
    if (page < this.#head) {
      const head = this.#head;
      const base = this.#base;
      const stop = Math.min(end, head);
      this.#head = page;
      this.count -= stop - page;
      arena.give(base + page, stop - page);
      if (stop < head) this.#enter(stop, base + stop, head - stop);
    }
    if (this.#keys.length > 0) this.#unmapInChunks(page, end, arena);
  }

  /** The first mapped page at or after `page`, or infinity. */
  next(page: number): number {
    if (page < this.#head) return page;
    let at = this.#locate(Math.floor(page / CHUNK));
    let from = page;
    for (; at < this.#keys.length; at++) {
      const start = this.#keys[at]! * CHUNK;
      const chunk = this.#chunks[at]!;
      for (let i = Math.max(0, from - start); i < CHUNK; i++) if (chunk[i] !== HOLE) return start + i;
      from = start + CHUNK;
    }
    return Number.POSITIVE_INFINITY;
  }

  #runInChunks(page: number, most: number): number {
    let key = Math.floor(page / CHUNK);
    let at = this.#locate(key);
    if (this.#keys[at] !== key) {
      this.found = HOLE;
      return at < this.#keys.length ? Math.min(most, this.#keys[at]! * CHUNK - page) : most;
    }
    let chunk = this.#chunks[at]!;
    let i = page - key * CHUNK;
    const first = chunk[i]!;
    const step = first === HOLE ? 0 : 1;
    this.found = first;
    let length = 1;
    for (let next = first + step; length < most; length++, next += step) {
      if (++i === CHUNK) {
        if (this.#keys[++at] !== ++key) return length;
        chunk = this.#chunks[at]!;
        i = 0;
      }
      if (chunk[i] !== next) return length;
    }
    return length;
  }

  #enter(page: number, arenaPage: number, count: number): void {
    for (let done = 0; done < count; ) {
      const key = Math.floor((page + done) / CHUNK);
      const chunk = this.#provideChunk(key);
      const from = page + done - key * CHUNK;
      const length = Math.min(CHUNK - from, count - done);
      for (let i = 0; i < length; i++) chunk[from + i] = arenaPage + done + i;
      chunk[MAPPED]! += length;
      done += length;
    }
  }

  #unmapInChunks(page: number, end: number, arena: PageArena): void {
    const first = this.#locate(Math.floor(page / CHUNK));
    let emptyFrom = -1;
    let emptyTo = -1;
    let at = first;
    for (; at < this.#keys.length && this.#keys[at]! * CHUNK < end; at++) {
      const start = this.#keys[at]! * CHUNK;
      const chunk = this.#chunks[at]!;
      const given = giveRuns(chunk, Math.max(0, page - start), Math.min(CHUNK, end - start), arena);
      this.count -= given;
      chunk[MAPPED]! -= given;
      if (chunk[MAPPED] !== 0) continue;
      if (emptyFrom < 0) emptyFrom = at;
      emptyTo = at + 1;
    }
    if (emptyFrom < 0) return;
    this.#keys.splice(emptyFrom, emptyTo - emptyFrom);
    this.#chunks.splice(emptyFrom, emptyTo - emptyFrom);
  }

  #provideChunk(key: number): Int32Array {
    const at = this.#locate(key);
    if (this.#keys[at] === key) return this.#chunks[at]!;
    const chunk = new Int32Array(CHUNK + 1);
    if (this.#keys === NO_KEYS) {
      this.#keys = [];
      this.#chunks = [];
    }
    if (at === this.#keys.length) {
      this.#keys.push(key);
      this.#chunks.push(chunk);
    } else {
      this.#keys.splice(at, 0, key);
      this.#chunks.splice(at, 0, chunk);
    }
    return chunk;
  }

  /** Index of the first chunk at or after `key`. */
  #locate(key: number): number {
    const keys = this.#keys;
    const last = this.#last;
    if (keys[last] === key) return last;
    if (keys[last + 1] === key) {
      this.#last = last + 1;
      return last + 1;
    }
    let low = 0;
    let high = keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (keys[middle]! < key) low = middle + 1;
      else high = middle;
    }
    this.#last = low;
    return low;
  }
}

/** Give the arena pages entered from `from` to before `to` back, in runs, and clear the entries. Returns how many. */
function giveRuns(chunk: Int32Array, from: number, to: number, arena: PageArena): number {
  let given = 0;
  for (let i = from; i < to; ) {
    const first = chunk[i]!;
    let length = 1;
    if (first !== HOLE) {
      while (i + length < to && chunk[i + length] === first + length) length++;
      arena.give(first, length);
      chunk.fill(HOLE, i, i + length);
      given += length;
    }
    i += length;
  }
  return given;
}
