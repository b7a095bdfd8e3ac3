import {
  createMemfd,
  type Fd,
  type Mapping,
  mapShared,
  PAGE_SIZE,
  punchHole,
  Seal,
  writeAt,
} from '../../../sys/index.ts';
import { clearRange, countSet, isSet, nextClear, nextSet, setRange } from './bits.ts';
import { MAX_ARENA_PAGES, STALE_PAGES, TRIM_RUNS } from './limits.ts';

/** The arena page that no file ever gets. In a page table it stands for a hole. */
export const HOLE = 0;

/** Free runs looked at before the longest of them is taken. */
const SEARCH_RUNS = 64;

/** Pages per entry of the free count that lets a search pass over full stretches. */
const GROUP = 32768;

/**
 * The pages of all files: one sealed memfd, mapped once. Pages are given out in runs, next fit, near a wished place.
 * A page is *clean* while it is known to hold zeroes only: never written since the kernel handed it out, or blanked.
 * A freed page that was written stays with the arena for reuse, up to `STALE_PAGES`, and goes back to the host beyond.
 */
export class PageArena implements Disposable {
  /** Pages that files can have. */
  readonly capacity: number;
  /** The whole arena; page `n` begins at byte `n * PAGE_SIZE`. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly fd: Fd;
  /** Pages that are given out. */
  used = 0;
  /** First page of what `take` gave last. */
  taken = HOLE;
  readonly #mapping: Mapping;
  readonly #end: number;
  readonly #inUse: Int32Array;
  readonly #written: Int32Array;
  readonly #freeInGroup: Int32Array;
  #stale = 0;
  #cursor = 1;
  #trimCursor = 1;

  /** An arena with room for `capacity` pages; memory is used only as pages are written. */
  constructor(capacity: number) {
    if (!Number.isSafeInteger(capacity) || capacity < 1 || capacity > MAX_ARENA_PAGES)
      throw new RangeError(`An arena of ${capacity} pages is outside 1 to ${MAX_ARENA_PAGES}`);
    this.capacity = capacity;
    this.#end = capacity + 1;
    this.fd = createMemfd('file contents', this.#end * PAGE_SIZE);
    try {
      this.fd.addSeals(Seal.shrink | Seal.grow | Seal.seal);
      this.#mapping = mapShared(this.fd, 0, this.#end * PAGE_SIZE);
    } catch (error) {
      this.fd[Symbol.dispose]();
      throw error;
    }
    this.bytes = this.#mapping.bytes;
    const words = Math.ceil(this.#end / 32);
    this.#inUse = new Int32Array(words);
    this.#written = new Int32Array(words);
    this.#freeInGroup = new Int32Array(Math.ceil(this.#end / GROUP));
    this.#countFree(0, this.#end, 1);
    setRange(this.#inUse, HOLE, 1);
    this.#countFree(HOLE, 1, -1);
  }

  /** Pages that can still be taken. */
  get free(): number {
    return this.capacity - this.used;
  }

  /** Address of the arena in this process. */
  get address(): number {
    return this.#mapping.address;
  }

  /**
   * Take a run of at most `wanted` pages: at page `near` if that is free, else from a free run that leaves `room`
   * pages to grow into, else from the longest run nearby. Returns how many pages were taken, 0 when none is free;
   * `taken` is the first. They may hold old bytes unless `isClean` says otherwise.
   */
  take(wanted: number, near: number, room: number): number {
    if (this.used === this.capacity) return 0;
    let first = near;
    let count = near < this.#end ? this.#freeRun(near, wanted) : 0;
    if (count === 0) {
      first = this.#search(Math.max(wanted, room));
      count = this.#freeRun(first, wanted);
      this.#cursor = first + Math.max(count, room);
      if (this.#cursor >= this.#end) this.#cursor = 1;
    }
    setRange(this.#inUse, first, count);
    this.#countFree(first, count, -1);
    this.used += count;
    if (this.#stale > 0) this.#stale -= countSet(this.#written, first, count);
    this.taken = first;
    return count;
  }

  /** Give `count` pages from `first` back. */
  give(first: number, count: number): void {
    clearRange(this.#inUse, first, count);
    this.#countFree(first, count, 1);
    this.used -= count;
    if (count > STALE_PAGES) {
      this.#punch(first, count);
      return;
    }
    this.#stale += countSet(this.#written, first, count);
    // What was just freed is in the cache and has memory: the next file should get it before untouched pages.
    this.#cursor = first;
    if (this.#stale > STALE_PAGES) this.#trim(STALE_PAGES, TRIM_RUNS);
  }

  /** Give every free page that still holds old bytes back to the host. */
  trim(): void {
    this.#trim(0, Number.POSITIVE_INFINITY);
  }

  /** The pages are about to be written. */
  touch(first: number, count: number): void {
    if (count === 1) this.#written[first >>> 5]! |= 1 << (first & 31);
    else setRange(this.#written, first, count);
  }

  /**
   * Put `bytes` into the pages from `first` by a system call: pages that have no memory yet get it for half of what it
   * costs to touch them first.
   */
  fill(first: number, bytes: Uint8Array): void {
    this.touch(first, Math.ceil(bytes.length / PAGE_SIZE));
    writeAt(this.fd, bytes, first * PAGE_SIZE);
  }

  /** Whether page `page` is known to hold zeroes only. */
  isClean(page: number): boolean {
    return !isSet(this.#written, page);
  }

  /** How many of the pages from `first` on, at most `count`, are in the same state as it: clean, or not. */
  sameState(first: number, count: number): number {
    const end = first + count;
    return (this.isClean(first) ? nextSet : nextClear)(this.#written, first, end) - first;
  }

  /** Make `count` pages from `first`, which are given out, clean. Long runs are given back to the host and cost nothing until written. */
  blank(first: number, count: number): void {
    const end = first + count;
    for (let at = nextSet(this.#written, first, end); at < end; ) {
      const stop = nextClear(this.#written, at, end);
      if (stop - at > TRIM_RUNS) punchHole(this.fd, at * PAGE_SIZE, (stop - at) * PAGE_SIZE);
      else this.bytes.fill(0, at * PAGE_SIZE, stop * PAGE_SIZE);
      at = nextSet(this.#written, stop, end);
    }
    clearRange(this.#written, first, count);
  }

  [Symbol.dispose](): void {
    this.#mapping[Symbol.dispose]();
    this.fd[Symbol.dispose]();
  }

  #freeRun(first: number, most: number): number {
    return nextSet(this.#inUse, first, Math.min(first + most, this.#end)) - first;
  }

  #search(wanted: number): number {
    let best = HOLE;
    let bestLength = 0;
    const start = this.#nextFree(this.#cursor);
    let at = start;
    for (let looked = 0; looked < SEARCH_RUNS; looked++) {
      const length = this.#freeRun(at, wanted);
      if (length >= wanted) return at;
      if (length > bestLength) {
        best = at;
        bestLength = length;
      }
      at = this.#nextFree(at + length);
      if (at === start) break;
    }
    return best;
  }

  /** The next free page at or after `from`, from the start again after the end. At least one must be free. */
  #nextFree(from: number): number {
    let at = from < this.#end ? from : 1;
    for (;;) {
      const group = Math.floor(at / GROUP);
      const end = Math.min((group + 1) * GROUP, this.#end);
      if (this.#freeInGroup[group]! > 0) {
        const found = nextClear(this.#inUse, at, end);
        if (found < end) return found;
      }
      at = end < this.#end ? end : 1;
    }
  }

  #countFree(first: number, count: number, sign: number): void {
    const end = first + count;
    for (let at = first; at < end; ) {
      const group = Math.floor(at / GROUP);
      const stop = Math.min((group + 1) * GROUP, end);
      this.#freeInGroup[group]! += sign * (stop - at);
      at = stop;
    }
  }

  #trim(target: number, runs: number): void {
    for (let run = 0; this.#stale > target && run < runs; run++) {
      let first = this.#nextStale(this.#trimCursor);
      if (first === this.#end) first = this.#nextStale(1);
      const most = Math.min(
        nextClear(this.#written, first, this.#end),
        nextSet(this.#inUse, first, this.#end),
      );
      this.#punch(first, most - first);
      this.#stale -= most - first;
      this.#trimCursor = most;
    }
  }

  #nextStale(from: number): number {
    let at = nextSet(this.#written, from, this.#end);
    while (at < this.#end && isSet(this.#inUse, at))
      at = nextSet(this.#written, nextClear(this.#inUse, at, this.#end), this.#end);
    return at;
  }

  #punch(first: number, count: number): void {
    punchHole(this.fd, first * PAGE_SIZE, count * PAGE_SIZE);
    clearRange(this.#written, first, count);
  }
}
