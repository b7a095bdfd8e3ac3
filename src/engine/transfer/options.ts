import type { TlsFiles } from '../../sys/index.ts';
import type { Listener } from '../channels/index.ts';
import type { TransferEvent } from './events.ts';

/** How long a transfer waits for what, in milliseconds. */
export interface TransferTimings {
  /** For one connection to be made, and for its first bytes. */
  readonly connectMs: number;
  /** For the destination's answer to what is proposed, and for all channels to come up. */
  readonly openMs: number;
  /** At the destination: for the source's main connection to come. */
  readonly acceptMs: number;
  /** For a pass, or anything else that moves bytes, while no byte moves. */
  readonly stallMs: number;
  /** For a channel to read or write one packet that has begun. */
  readonly packetMs: number;
  /**
   * For every channel to come to a barrier at the destination, while nothing moves. The source waits twice as long for its
   * word.
   */
  readonly barrierMs: number;
  /** For the machine to stand still. */
  readonly stopMs: number;
  /** For the devices to be saved, while none of them gets any further. */
  readonly saveMs: number;
  /** For the devices to be loaded, while none of them gets any further. */
  readonly loadMs: number;
  /** For the destination to start the machine, and at the source for its word that it runs. */
  readonly startMs: number;
  /** For the machine to run on at the source, or to be given up at the destination. */
  readonly undoMs: number;
  /** For threads and devices to return when a transfer is over. What does not is quarantined. */
  readonly endMs: number;
  /** Between two signs of life on the main connection. */
  readonly keepAliveMs: number;
  /** Silence of the main connection after which the peer counts as dead. */
  readonly silenceMs: number;
  /** For a broken channel to be replaced, tries and pauses together. */
  readonly resumeMs: number;
  /** Before the second try to replace a channel; twice as long before each further one. */
  readonly resumePauseMs: number;
  /** Between two reports of progress. */
  readonly reportMs: number;
}

export const TIMINGS: TransferTimings = {
  connectMs: 10_000,
  openMs: 30_000,
  acceptMs: 60_000,
  stallMs: 30_000,
  packetMs: 30_000,
  barrierMs: 30_000,
  stopMs: 10_000,
  saveMs: 120_000,
  loadMs: 60_000,
  startMs: 30_000,
  undoMs: 30_000,
  endMs: 10_000,
  keepAliveMs: 1_000,
  silenceMs: 10_000,
  resumeMs: 15_000,
  resumePauseMs: 50,
  reportMs: 200,
};

/** What both ends of a transfer take. */
interface EndOptions {
  /** PEM files of this end's certificate and key, and of the authority that the peer's is from: with `ferry+tls:` only. */
  readonly tls?: TlsFiles;
  /** Cancels the transfer, as far as its phase allows; aborting it again changes nothing. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: TransferEvent) => void;
  readonly timings?: Partial<TransferTimings>;
}

export interface SendOptions extends EndOptions {
  /** `ferry+tcp:HOST:PORT`, `ferry+tls:HOST:PORT`, `ferry+unix:PATH`, or `file:FOLDER`, where nobody answers. */
  readonly to: string;
  /** Whom the destination's certificate has to be for, where that is not the host of `to`. */
  readonly tlsHost?: string;
  /** How many channels, 1 to 255; 4 by default. */
  readonly channels?: number;
  /** What pages are compressed with; `none` by default. */
  readonly method?: 'none' | 'zlib' | 'zstd';
  /** Of the method; 1 by default. */
  readonly level?: number;
  /** Whether pages of zeroes are looked for; they are by default. */
  readonly zeroPages?: boolean;
  /** Whether each packet carries a CRC-32C; it does by default, but not in files, which hold QEMU's own packets. */
  readonly checksum?: boolean;
  /** What device state is compressed with, independently; `none` by default, and always in files. */
  readonly deviceMethod?: 'none' | 'zstd';
  /** The machine is stopped as soon as what remains takes no longer than this, in milliseconds; 300 by default. */
  readonly downtimeMs?: number;
  /** Longest pause for what remains when pre-copy has stalled, in milliseconds; 900 by default. */
  readonly maxDowntimeMs?: number;
  /** Without net progress for this long pre-copy has stalled, in milliseconds; 60 000 by default. */
  readonly patienceMs?: number;
  /** Longest pre-copy, in milliseconds, after which it counts as stalled for good; no limit by default. */
  readonly precopyMs?: number;
  /** What to do when pre-copy does not converge: give up (default), or stop the machine and send what remains. */
  readonly onStall?: 'fail' | 'force';
  /** Slots of 1 MiB for the state of all devices on its way; twice the devices and 16 by default. */
  readonly slots?: number;
  /** How often a broken channel is replaced, for all channels together; 8 by default, 0 for never. */
  readonly resumes?: number;
}

export interface ReceiveOptions extends EndOptions {
  /** As `SendOptions.to`: where to listen, or the folder to load from. A port of 0 is chosen: see the event `listening`. */
  readonly at?: string;
  /** In place of `at` and `tls`: somebody listens already. It stays theirs. */
  readonly listener?: Listener;
  /** Most channels that a source may ask for; 255 by default. */
  readonly maxChannels?: number;
  /** Slots of 1 MiB for the state of all devices that waits to be loaded; twice the devices and 64 by default. */
  readonly slots?: number;
  /** Of these, most for one device; a quarter by default, at least 2. */
  readonly perDevice?: number;
  /** Where state is kept that cannot wait in slots, when it is loaded from files. */
  readonly spill?: { readonly folder: string; readonly limit: number };
}
