import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { FerryError } from '../errors.ts';
import type { EmbeddedMove } from './embedded.ts';
import type { Observation } from './workload.ts';

/** Two back ends' sockets, and how long, in milliseconds, the guest works before, during and after the move. */
export interface EmbeddedPlan {
  readonly first: string;
  readonly second: string;
  readonly beforeMs: number;
  readonly preCopyMs: number;
  readonly afterMs: number;
}

/** How an embedded machine gets on, in this order. */
export type EmbeddedEvent =
  | { readonly type: 'begun' }
  | { readonly type: 'moving' }
  | { readonly type: 'moved'; readonly move: EmbeddedMove }
  | { readonly type: 'proven'; readonly observations: readonly Observation[]; readonly longestGap: number };

/**
 * Run an embedded machine on a thread of its own: a workload on `plan.first`, a move to `plan.second`, and a look at
 * everything. Resolves when it has ended; rejects with what went wrong there, or when `signal` aborts.
 */
export async function runEmbedded(
  plan: EmbeddedPlan,
  onEvent: (event: EmbeddedEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const here = import.meta.url;
  const thread = new URL(here.endsWith('.ts') ? './embedded-thread.ts' : './embedded-thread.js', here);
  const worker = new Worker(thread, { workerData: plan });
  worker.on('message', onEvent);
  const stop = () => void worker.terminate();
  signal.addEventListener('abort', stop, { once: true });
  try {
    const [code] = await once(worker, 'exit');
    signal.throwIfAborted();
    if (code !== 0) throw new FerryError('ERR_THREAD', `The embedded machine's thread ended with ${code}`);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
