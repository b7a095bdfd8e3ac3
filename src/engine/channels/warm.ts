import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { ChannelStart, WarmStart } from './thread-messages.ts';

/** A thread for a channel, which begins at once or loads what it needs and waits to be told what to do. */
export function startThread(start: ChannelStart | WarmStart): Worker {
  const name = import.meta.url.endsWith('.ts') ? './channel-thread.ts' : './channel-thread.js';
  return new Worker(new URL(name, import.meta.url), { workerData: start });
}

/**
 * Threads for channels whose connections are not there yet: loading takes a thread longer than a short transfer does. Those
 * that no channel took end when this is disposed of.
 */
export class WarmThreads implements AsyncDisposable {
  readonly #idle = new Set<Worker>();
  readonly #loaded: Promise<void>[] = [];

  /** Start `count` threads that load `modules`, those of the kinds of payload to come. */
  constructor(count: number, modules: readonly string[]) {
    for (let i = 0; i < count; i++) {
      const worker = startThread({ modules });
      // What went wrong is said when a thread is started for the channel itself
      worker.on('error', () => this.#idle.delete(worker)).once('exit', () => this.#idle.delete(worker));
      const { promise, resolve } = Promise.withResolvers<void>();
      const loaded = () => {
        // One that waits keeps nothing from ending; one that works does
        if (this.#idle.has(worker)) worker.unref();
        resolve();
      };
      worker.once('message', loaded).once('exit', loaded);
      this.#loaded.push(promise);
      this.#idle.add(worker);
    }
  }

  /** Resolves when they have loaded everything, or have failed to. */
  async ready(): Promise<void> {
    await Promise.all(this.#loaded);
  }

  /** A thread that is the caller's from now on; undefined where there is none left. */
  take(): Worker | undefined {
    const [worker] = this.#idle;
    if (worker === undefined) return undefined;
    this.#idle.delete(worker);
    worker.ref();
    return worker;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      [...this.#idle].map(async (worker) => {
        worker.ref();
        const exited = once(worker, 'exit');
        worker.postMessage(undefined);
        await exited;
      }),
    );
  }
}
