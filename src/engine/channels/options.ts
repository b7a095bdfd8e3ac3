import type { Bell } from './bell.ts';
import type { Connection } from './connection.ts';
import type { KindStart } from './kind.ts';
import type { WarmThreads } from './warm.ts';

/** What the channels of one transfer are started with. */
export interface ChannelsOptions {
  readonly direction: 'send' | 'receive';
  /** By their ids; taken over. */
  readonly connections: readonly Connection[];
  /** The same in every channel; the first one that claims a packet reads it. */
  readonly kinds: readonly KindStart[];
  readonly extended: boolean;
  /** Whether both ends have agreed on a CRC-32C behind each packet. */
  readonly checksum: boolean;
  /** Threads that were started beforehand; new ones where there are none left. */
  readonly threads?: WarmThreads;
  /** What sending channels sleep on; a new one by default. */
  readonly bell?: Bell;
  /** Whether a channel that broke may be replaced. Else its end is the end of all. */
  readonly resumable?: boolean;
  /** Hears of each channel that ended badly; where it may be replaced, also of one that ended before `finish` was called. */
  readonly onFailure?: (id: number, error: Error) => void;
  /** Milliseconds that a packet may take once it began. */
  readonly packetMs?: number;
  /** Milliseconds that a receiving channel waits for the next packet; no less than for one. */
  readonly idleMs?: number;
  /** Milliseconds that a thread which was told to end may take. Then it is ended by force, or given up. */
  readonly endMs?: number;
}
