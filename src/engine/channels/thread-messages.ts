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

/** What it tells. Its course is seen in the shared words. */
export type ChannelMessage =
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
