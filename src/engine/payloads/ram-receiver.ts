import { PageBitmap } from '../../memory/index.ts';
import { type MethodName, pageMethod } from '../methods/index.ts';
import { placeBlocks, type RamBlock, type RamLayout } from './ram-blocks.ts';
import { RamCounters, type RamCounts } from './ram-counters.ts';

/** How RAM is received. */
export interface RamReceiverOptions {
  /** Channels there are: at most 255. */
  readonly channels: number;
  /** Bytes in a page; 4096 unless given. */
  readonly pageSize?: number;
  /** How the contents of pages travel; `none` unless given. */
  readonly method?: MethodName;
  /**
   * Whether nobody has written to the blocks yet, so that all of them is zero. Pages of which is said that they are zero are
   * not touched then, unless they were received before.
   */
  readonly fresh: boolean;
}

/** What a receiving channel thread knows of RAM. Plain data. */
export interface RamSinkStart {
  readonly layout: RamLayout;
  readonly fresh: boolean;
  readonly method: MethodName;
  readonly received: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
}

/** RAM that arrives: the main thread's half. Channel threads read pages straight into the blocks. */
export class RamReceiver {
  readonly layout: RamLayout;
  /** Pages that were received, or begun to be, at least once. */
  readonly received: PageBitmap;
  readonly #fresh: boolean;
  readonly #method: MethodName;
  readonly #counters: RamCounters;

  /** Throws `ERR_RAM_BLOCKS` for blocks that cannot be, and `ERR_LIBRARY` where the method's library is missing. */
  constructor(blocks: readonly RamBlock[], options: RamReceiverOptions) {
    const { channels, pageSize, fresh, method = 'none' } = options;
    // What channel threads will do, too: here the caller hears of what is wrong with it
    pageMethod(method).decompressor()?.[Symbol.dispose]();
    this.#method = method;
    this.layout = placeBlocks(blocks, pageSize);
    this.received = new PageBitmap(this.layout.pages);
    this.#fresh = fresh;
    this.#counters = new RamCounters(channels);
  }

  /** For channel threads. */
  get start(): RamSinkStart {
    return {
      layout: this.layout,
      fresh: this.#fresh,
      method: this.#method,
      received: this.received.shared,
      counters: this.#counters.shared,
    };
  }

  counters(): RamCounts {
    return this.#counters.total();
  }
}
