import { PageBitmap } from '../../memory/index.ts';
import { type MethodName, pageMethod } from '../methods/index.ts';
import { CHUNK_PAGES } from './limits.ts';
import { placeBlocks, type RamBlock, type RamLayout } from './ram-blocks.ts';
import { RamClaims, type SharedClaims } from './ram-claims.ts';
import { RamCounters, type RamCounts } from './ram-counters.ts';

/** How RAM is sent. */
export interface RamPassOptions {
  /** Channels there are: at most 255. */
  readonly channels: number;
  /** Bytes in a page; 4096 unless given. */
  readonly pageSize?: number;
  /** Look for pages of zeroes, and say so instead of sending them; true unless given. */
  readonly zeroPages?: boolean;
  /** How the contents of pages travel; `none` unless given. */
  readonly method?: MethodName;
  /** The method's level; 1 unless given, as in QEMU. */
  readonly level?: number;
  /** Pages that a channel claims at a time: a multiple of 32. */
  readonly chunkPages?: number;
}

/** What a sending channel thread knows of RAM. Plain data. */
export interface RamSourceStart {
  readonly layout: RamLayout;
  readonly zeroPages: boolean;
  readonly method: MethodName;
  readonly level: number;
  readonly pages: SharedArrayBuffer;
  readonly claims: SharedClaims;
  readonly counters: SharedArrayBuffer;
  readonly packetNumbers: SharedArrayBuffer;
}

/**
 * The pages of RAM that are to be sent, and the passes over them: the main thread's half. Channel threads take pages out of
 * `pages` and send them; the bit goes before the page is read, so that whoever writes to it and then sets the bit is not lost.
 */
export class RamPass {
  readonly layout: RamLayout;
  /** What is to be sent. Anybody may add to it at any time; what lies in chunks that are claimed waits for the next pass. */
  readonly pages: PageBitmap;
  /** The counter of all packets; SYNC packets carry it, too. */
  readonly packetNumbers = new SharedArrayBuffer(4);
  readonly #zeroPages: boolean;
  readonly #method: MethodName;
  readonly #level: number;
  readonly #claims: RamClaims;
  readonly #counters: RamCounters;
  /** What was claimed and taken in passes before this one that are not confirmed. */
  readonly #earlierOwners: Int32Array;
  readonly #earlierTaken: Int32Array;

  /**
   * Throws `ERR_RAM_BLOCKS` for blocks that cannot be, `ERR_LEVEL` for a level that the method does not have, and
   * `ERR_LIBRARY` where the method's library is missing.
   */
  constructor(blocks: readonly RamBlock[], options: RamPassOptions) {
    const {
      channels,
      pageSize,
      zeroPages = true,
      chunkPages = CHUNK_PAGES,
      method = 'none',
      level = 1,
    } = options;
    // What channel threads will do, too: here the caller hears of what is wrong with it
    pageMethod(method).compressor(level)?.[Symbol.dispose]();
    this.#method = method;
    this.#level = level;
    this.layout = placeBlocks(blocks, pageSize);
    this.pages = new PageBitmap(this.layout.pages);
    this.#zeroPages = zeroPages;
    this.#claims = RamClaims.create(this.pages.words.length, Math.ceil(chunkPages / 32), channels);
    this.#counters = new RamCounters(channels);
    this.#earlierOwners = new Int32Array(this.#claims.owners.length);
    this.#earlierTaken = new Int32Array(this.#claims.taken.length);
  }

  /** For channel threads. */
  get start(): RamSourceStart {
    return {
      layout: this.layout,
      zeroPages: this.#zeroPages,
      method: this.#method,
      level: this.#level,
      pages: this.pages.shared,
      claims: this.#claims.shared,
      counters: this.#counters.shared,
      packetNumbers: this.packetNumbers,
    };
  }

  /** Put every page of every block among those to be sent. */
  addAll(): void {
    for (const { firstPage, pages } of this.layout.blocks) this.pages.addRange(firstPage, firstPage + pages);
  }

  /**
   * Begin a pass over what is in `pages`, and return its number, 1 for the first. Channels must have written the barrier of
   * the pass before. The bell is the caller's to ring.
   */
  open(): number {
    merge(this.#claims.owners, this.#earlierOwners);
    merge(this.#claims.taken, this.#earlierTaken);
    return this.#claims.open();
  }

  /** Whether channels have claimed everything of this pass. */
  get exhausted(): boolean {
    return this.#claims.exhausted;
  }

  /** How many pages are to be sent, now. */
  remaining(): number {
    return this.pages.count();
  }

  counters(): RamCounts {
    return this.#counters.total();
  }

  /** Everything sent in pass `pass`, the last one unless given, and before has arrived: none of it can be lost any more. */
  confirm(pass = this.#claims.pass): void {
    if (pass < this.#claims.pass - 1) return;
    this.#earlierOwners.fill(0);
    this.#earlierTaken.fill(0);
    if (pass < this.#claims.pass) return;
    clear(this.#claims.owners);
    clear(this.#claims.taken);
  }

  /**
   * Channel `channel` is lost, its thread has ended: put every page that it took and that is not confirmed back among those to
   * be sent. Pages that others took from the same chunks, in other passes, may be among them. Returns how many there are.
   */
  lostBy(channel: number): number {
    const { owners, ownerWords, taken, chunks } = this.#claims;
    const { chunkWords, words } = this.#claims.shared;
    const bit = 1 << (channel & 31);
    let lost = 0;
    for (let chunk = 0; chunk < chunks; chunk++) {
      const at = chunk * ownerWords + (channel >>> 5);
      if (((Atomics.and(owners, at, ~bit) | this.#earlierOwners[at]!) & bit) === 0) continue;
      this.#earlierOwners[at]! &= ~bit;
      for (let word = chunk * chunkWords; word < Math.min(words, (chunk + 1) * chunkWords); word++)
        lost += this.pages.addWord(word, Atomics.load(taken, word) | this.#earlierTaken[word]!);
    }
    return lost;
  }
}

/** Move all bits of `from` to `into`. */
function merge(from: Int32Array<SharedArrayBuffer>, into: Int32Array): void {
  for (let i = 0; i < from.length; i++) {
    if (from[i] === 0) continue;
    into[i]! |= Atomics.exchange(from, i, 0);
  }
}

function clear(words: Int32Array<SharedArrayBuffer>): void {
  for (let i = 0; i < words.length; i++) Atomics.store(words, i, 0);
}
