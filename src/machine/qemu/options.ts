import type { StreamEvent, StreamLimits, StreamTimings } from '../../qemu-stream/index.ts';
import type { BlockMemory } from './block-memory.ts';

/** What a receiver has to know of its source: nothing of it is negotiated. */
export interface QemuReceiverOptions {
  /** Where the source connects to: `tcp:HOST:PORT`, of which port 0 is any that is free, or `unix:PATH`. */
  readonly endpoint: string;
  /** As `multifd-channels` at the source. */
  readonly channels: number;
  /** As `multifd-compression` at the source; none unless given. */
  readonly method?: 'none' | 'zlib' | 'zstd';
  /** The machine's UUID; zeroes, as of a QEMU without `-uuid`, unless given. */
  readonly uuid?: Uint8Array;
  /** Whether every section of RAM ends with a barrier and no word about it: machine types up to 8.0. */
  readonly barrierInEachSection?: boolean;
  /**
   * Whether the source has `switchover-ack` on, with a machine type up to 11.0: it goes on copying until it is told that the
   * destination is ready. Later ones ask when they want to know, and fail when they are told unasked.
   */
  readonly switchoverAck?: boolean;
  /** Where RAM goes, which stays its owner's; memory of its own, for the blocks that the source names, unless given. */
  readonly memory?: BlockMemory;
  readonly limits?: Partial<StreamLimits>;
  readonly timings?: Partial<StreamTimings>;
  /** Milliseconds from listening until all connections are there; 60 000 unless given. */
  readonly collectMs?: number;
  /** Hears of each connection that was turned away, and why. */
  readonly onStranger?: (peer: string, why: Error) => void;
  /** Hears of everything in the main stream. */
  readonly onEvent?: (event: StreamEvent) => void;
}
