import type { DeviceName } from './machine.ts';
import type { PhaseName } from './phases.ts';

/** One channel as it is now. */
export interface ChannelProgress {
  readonly id: number;
  readonly bytes: number;
  readonly packets: number;
}

/** The state of one device on its way. `queued` slots wait: to be written, or to be loaded. */
export interface DeviceProgress extends DeviceName {
  readonly queued: number;
  /** Index of the slot that is next. */
  readonly next: number;
  /** Highest index that the destination allows; absent where there are no credits. */
  readonly credit?: number;
}

/** What a transfer tells while it goes on. `atMs` counts from its start; all times in milliseconds. */
export type TransferEvent = { readonly atMs: number } & (
  | { readonly type: 'listening'; readonly uri: string }
  | {
      readonly type: 'phase';
      readonly phase: PhaseName;
      readonly cancel: 'at-once' | 'rolls-back' | 'too-late';
    }
  | {
      readonly type: 'opened';
      readonly peer: string;
      readonly channels: number;
      readonly budgetBytes: number;
    }
  | {
      readonly type: 'pass';
      readonly pass: number;
      /** Pages that were to be sent in it. */
      readonly pages: number;
      /** Bytes of memory that were written to meanwhile. */
      readonly remaining: number;
      readonly ms: number;
      /** Bytes of memory per second. */
      readonly rate?: number;
      /** How long sending what remains would take. */
      readonly pauseMs?: number;
    }
  | {
      readonly type: 'progress';
      /** Bytes on the wire so far. */
      readonly bytes: number;
      /** Bytes on the wire per second, since the last report. */
      readonly rate: number;
      /** Bytes of memory of this pass that are not sent yet; 0 at the destination. */
      readonly remaining: number;
      readonly pages: { readonly normal: number; readonly zero: number };
      readonly channels: readonly ChannelProgress[];
      readonly devices: readonly DeviceProgress[];
      /** Resident memory of the process without the machine's, as far as the kernel tells them apart. */
      readonly residentBytes: number;
      readonly budgetBytes: number;
    }
  | ({
      readonly type: 'device';
      readonly did: 'save' | 'saved' | 'load' | 'loaded' | 'failed';
      /** How long it took, once it is done. */
      readonly ms?: number;
      readonly why?: string;
    } & DeviceName)
  | {
      readonly type: 'channel';
      readonly id: number;
      readonly did: 'lost' | 'resumed';
      readonly attempt: number;
      readonly why?: string;
      /** Pages and slots that are sent again. */
      readonly pages?: number;
      readonly slots?: number;
    }
  | { readonly type: 'note'; readonly text: string }
);

/** An event without its time, as the steps emit it. */
export type TransferEventBody = TransferEvent extends infer E
  ? E extends unknown
    ? Omit<E, 'atMs'>
    : never
  : never;
