import type { CommandName } from './commands.ts';
import type { DeviceSection } from './devices.ts';

/** One record after the machine's name that QEMU adds where it has something to say. */
export type ConfigurationSubsection =
  | { readonly name: 'target-page-bits'; readonly bits: number }
  | { readonly name: 'capabilities'; readonly capabilities: readonly string[] }
  | { readonly name: 'uuid'; readonly uuid: Uint8Array };

/** A piece of the guest's RAM, as the list at the beginning has it. */
export interface StreamBlock {
  readonly name: string;
  /** Bytes in use, whole pages. */
  readonly length: number;
  /** Where the guest sees it; only in streams whose shared blocks stay where they are. */
  readonly guestAddress?: number;
}

/**
 * What stands in a main stream, in order and without loss: `encodeEvent` of each makes the same bytes again. Byte arrays
 * in events other than `devices` are views that hold until the next event is asked for.
 */
export type StreamEvent =
  | {
      readonly type: 'prologue';
      readonly machine: string;
      readonly subsections: readonly ConfigurationSubsection[];
    }
  | { readonly type: 'command'; readonly name: CommandName; readonly data: Uint8Array }
  | {
      readonly type: 'start';
      readonly id: number;
      readonly idstr: string;
      readonly instance: number;
      readonly version: number;
    }
  | { readonly type: 'part' | 'end'; readonly id: number; readonly idstr: string }
  | { readonly type: 'footer'; readonly id: number }
  | { readonly type: 'blocks'; readonly total: number; readonly blocks: readonly StreamBlock[] }
  /** Pages of one block that are all zeroes: the first `count` of `offsets`. `named`: the first record says which block. */
  | {
      readonly type: 'zero-pages';
      readonly block: StreamBlock;
      readonly named: boolean;
      readonly offsets: Float64Array;
      readonly count: number;
    }
  | {
      readonly type: 'page' | 'xbzrle';
      readonly block: StreamBlock;
      readonly named: boolean;
      readonly offset: number;
      readonly bytes: Uint8Array;
    }
  /** All channels have a SYNC packet here. */
  | { readonly type: 'flush' }
  /** Nothing more of RAM in this section. */
  | { readonly type: 'end-of-ram' }
  /** The end of the stream: what the devices saved, and the JSON text that describes it. */
  | {
      readonly type: 'devices';
      readonly sections: readonly DeviceSection[];
      readonly description: Uint8Array;
    };

/** The steps of reading something: an event, or undefined where more bytes have to come first. */
export type Steps<T = void> = Generator<StreamEvent | undefined, T, void>;
