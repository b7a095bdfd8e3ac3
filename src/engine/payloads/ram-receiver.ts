import { PageBitmap } from '../../memory/index.ts';
import { placeBlocks, type RamBlock, type RamLayout } from './ram-blocks.ts';
import { RamCounters, type RamCounts } from './ram-counters.ts';

/** How RAM is received. */
export interface RamReceiverOptions {
  /** Channels there are: at most 255. */
  readonly channels: number;
  /** Bytes in a page; 4096 unless given. */
  readonly pageSize?: number;
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
  readonly received: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
}

/** RAM that arrives: the main thread's half. Channel threads read pages straight into the blocks. */
export class RamReceiver {
  readonly layout: RamLayout;
  /** Pages that were received, or begun to be, at least once. */
  readonly received: PageBitmap;
  readonly #fresh: boolean;
  readonly #counters: RamCounters;

  /** Throws `ERR_RAM_BLOCKS` for blocks that cannot be. */
  constructor(blocks: readonly RamBlock[], { channels, pageSize, fresh }: RamReceiverOptions) {
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
      received: this.received.shared,
      counters: this.#counters.shared,
    };
  }

  counters(): RamCounts {
    return this.#counters.total();
  }
}
