import type { PageBitmap } from '../../memory/index.ts';
import type { RamBlock } from '../payloads/index.ts';
import type { SlotSinkStart, SlotSourceStart } from '../slots/index.ts';

/** A device by the names that its packets carry: at most 255 bytes of `idstr`, and an instance. */
export interface DeviceName {
  readonly idstr: string;
  readonly instance: number;
}

/** What runs at the source, as a transfer sees it. */
export interface SourceMachine {
  /** 16 bytes, the same at both ends. */
  readonly uuid: Uint8Array;
  /** All of its memory. Names and lengths are the same at both ends. */
  readonly blocks: readonly RamBlock[];
  readonly dirty: DirtySource;
  readonly devices: readonly SourceDevice[];
  /** Stand still. Once it resolves, nothing writes to the blocks. Called once at most. */
  stop(): Promise<void>;
  /** Run on, here: the transfer did not happen. Called once at most, also after a `stop` that failed, never after `release`. */
  resume(): Promise<void>;
  /** The machine runs elsewhere, or is kept in a folder, and must not run here again. Called once at most. */
  release(): Promise<void>;
}

export interface SourceDevice extends DeviceName {
  /**
   * Write the state into `new SlotSink(sink)`, on the device's own thread, and end it. Called after `stop`, for all devices
   * at once. Resolves when the last byte is in a slot. `signal` and the sink itself end it early: then it rejects.
   */
  save(sink: SlotSinkStart, options: { readonly signal: AbortSignal }): Promise<void>;
}

/** What a machine is received into. Nothing of it runs before `start`. */
export interface DestinationMachine {
  /** 16 bytes, the same at both ends. */
  readonly uuid: Uint8Array;
  readonly blocks: readonly RamBlock[];
  /** Whether all of the blocks is known to be zero: then zero pages cost no memory. */
  readonly fresh: boolean;
  readonly devices: readonly DestinationDevice[];
  /** Run. Rejects only where it does not run and never will: the source then runs on. Called once at most. */
  start(): Promise<void>;
  /** Give up what was received. Called once at most, never after a `start` that resolved. */
  discard(): Promise<void>;
}

export interface DestinationDevice extends DeviceName {
  /**
   * Read the state from `new SlotSource(source)`, on the device's own thread. Resolves when all of it was verified and is
   * staged: it becomes the device's at `start`. `signal` and the source itself end it early: then it rejects.
   */
  load(source: SlotSourceStart, options: { readonly signal: AbortSignal }): Promise<void>;
}

/**
 * Which pages were written to. Pages are numbered over all blocks, and each block begins at a multiple of 32: see
 * `placeBlocks`.
 */
export interface DirtySource {
  /** From now on every page that is written to shows up in a later `collect`. Called once. */
  start(): void | Promise<void>;
  /**
   * Move every page that was written to since it was last collected to `into`. Returns how many were not in there yet. What
   * is written while this runs shows up now or next time.
   */
  collect(into: PageBitmap): number | Promise<number>;
  /** Nobody asks any more. Called once, also where `start` failed. */
  stop(): void | Promise<void>;
}
