import type { MessagePort } from 'node:worker_threads';
import type { DeviceReport, MigrationDetails } from '../state/index.ts';
import type { DeviceSettings } from './settings.ts';

/** Which device a thread serves. Plain data: it goes from thread to thread. */
export interface ThreadStart {
  /** URL of the author's module. */
  readonly module: string;
  /** Name of the function there that makes the device of `options`. */
  readonly factory: string;
  readonly options: unknown;
  /** An eventfd: signalled when there is a message on `port`. */
  readonly control: number;
  readonly port: MessagePort;
  readonly settings: DeviceSettings;
}

/** The first message to the device thread: where its front ends come from, as the number of a socket. */
export interface ThreadPlace {
  readonly kind: 'listening' | 'connected';
  readonly number: number;
}

/** What the main thread asks of the device thread. `stop` has no answer but the thread's end. */
export type ThreadRequest =
  | { readonly method: 'status' }
  | { readonly method: 'abort'; readonly reason: string }
  | { readonly method: 'fence'; readonly epoch: number }
  | { readonly method: 'release' }
  | { readonly method: 'resize' }
  | { readonly method: 'migration' }
  | { readonly method: 'set-parameter'; readonly name: string; readonly value: string }
  | { readonly method: 'freeze'; readonly digest: string; readonly seconds: number }
  | { readonly method: 'thaw' }
  | { readonly method: 'stop' };

/** What each request is answered with. */
export interface ThreadAnswers {
  readonly status: DeviceReport;
  readonly abort: boolean;
  readonly fence: true;
  readonly release: boolean;
  readonly resize: number;
  readonly migration: MigrationDetails;
  readonly 'set-parameter': MigrationDetails;
  readonly freeze: true;
  readonly thaw: boolean;
}

/**
 * From the device thread: `made` asks for a `ThreadPlace`, `ready` says that front ends are served from now on. `failed` is
 * the last one, with the device's name where there was a device.
 */
export type ThreadMessage =
  | { readonly kind: 'made'; readonly device: string }
  | { readonly kind: 'ready' }
  | { readonly kind: 'log'; readonly message: string }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'refusal'; readonly id: number; readonly code: string; readonly message: string }
  | {
      readonly kind: 'failed';
      readonly device: string | undefined;
      readonly code: string;
      readonly message: string;
    };
