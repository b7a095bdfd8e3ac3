import type { PacketReader, PacketWriter } from './packet-io.ts';

/**
 * What a kind of payload is to channels: the only thing that they know of it. A kind lives in a module of its own, which
 * every channel thread loads by its URL, and exports `createKind`, a `KindFactory`.
 */
export type KindFactory = (start: unknown, channel: ChannelFacts) => PayloadKind;

/** A kind, as a transfer is started with it. Plain data: it is copied to the channel threads. */
export interface KindStart {
  /** URL of the module. */
  readonly module: string;
  /** Handed to its `createKind`: what the kind's threads share. */
  readonly start: unknown;
}

/** What a kind may know of the channel that it works for. */
export interface ChannelFacts {
  /** 0 to `channels - 1`. */
  readonly id: number;
  readonly channels: number;
  readonly direction: 'send' | 'receive';
  /** Whether packets may carry what stock peers do not know. */
  readonly extended: boolean;
}

/** One kind of payload in one channel thread. All calls come on that thread and may block on the channel. */
export interface PayloadKind extends Disposable {
  /** Short, for messages and metrics: `none`, `ram`, `device-state`. */
  readonly name: string;
  /** The half that this thread needs: the one for the direction of its channel. */
  readonly source?: PayloadSource;
  readonly sink?: PayloadSink;
}

/** Where a sending channel gets packets of one kind from. */
export interface PayloadSource {
  /**
   * Whether all that can be taken when a barrier is posted has to be written before the barrier (RAM), or may be written on
   * either side of it (device state).
   */
  readonly ordered: boolean;
  /** How much of the turns it gets where several kinds have something to send; the switchover waits for what has more. */
  readonly weight: number;
  /** Take the next packet's worth for this channel; false where there is nothing now. What was taken nobody else takes. */
  take(): boolean;
  /** Prepare what was taken and write it: one packet. */
  write(packet: PacketWriter): void;
  /**
   * Write a packet with the SYNC flag and no payload. Exactly one kind of a transfer has it: `none`.
   */
  writeBarrier?(packet: PacketWriter): void;
}

/** Where a receiving channel hands packets of one kind to. */
export interface PayloadSink {
  /** Whether a packet whose header has these flags is of this kind. The first kind of a transfer that says so reads it. */
  claims(flags: number): boolean;
  /** Read the rest of the header and the payload, call `packet.end()`, and only then give anything on. */
  read(flags: number, packet: PacketReader): void;
}
