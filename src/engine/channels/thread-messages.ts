import type { SharedControl } from './control.ts';
import type { KindStart } from './kind.ts';
import type { StreamStart } from './stream.ts';

/** What the thread of a channel is started with. */
export interface ChannelStart {
  readonly id: number;
  readonly direction: 'send' | 'receive';
  readonly extended: boolean;
  readonly checksum: boolean;
  readonly kinds: readonly KindStart[];
  readonly control: SharedControl;
  readonly bell: SharedArrayBuffer;
  readonly stream: StreamStart;
}

/** What a thread whose channel is not there yet is started with. A `ChannelStart` comes as a message, or undefined: the end. */
export interface WarmStart {
  /** To be loaded meanwhile. */
  readonly modules: readonly string[];
}

/** What it tells. Its course is seen in the shared words. */
export type ChannelMessage =
  /** What it was to load beforehand is loaded. */
  | { readonly kind: 'warm' }
  | { readonly kind: 'ready'; readonly names: readonly string[] }
  /** The last one: in good order, or as it was told to. */
  | { readonly kind: 'ended'; readonly orderly: boolean }
  /** The last one. */
  | {
      readonly kind: 'failed';
      readonly code: string;
      readonly message: string;
      readonly stack: string | undefined;
    };
