import type { MessagePort } from 'node:worker_threads';

/** What a lane's thread is started with. Plain data, and a port. */
export interface LaneStart {
  /** URL of the module, the function that it exports, and what that is given. */
  readonly module: string;
  readonly factory: string;
  readonly start: unknown;
  readonly port: MessagePort;
}

/** To the thread: do this, or, without an id, end. One after the other. */
export interface LaneTask {
  readonly id: number | undefined;
  readonly task?: unknown;
}

/** Number of the task that comes before all others: to be ready. */
export const READY = 0;

/** From the thread. An error travels as what can be copied of it. */
export type LaneMessage =
  | { readonly kind: 'done'; readonly id: number; readonly answer: unknown }
  | { readonly kind: 'failed'; readonly id: number; readonly error: LaneFailure };

export interface LaneFailure {
  readonly code: string | undefined;
  readonly message: string;
  readonly stack: string | undefined;
  readonly retry: boolean;
}
