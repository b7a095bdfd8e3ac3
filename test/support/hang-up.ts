import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Fd } from '../../src/sys/index.ts';

/** Words that both threads see: 1 while there is a job, -1 at the end; the socket; the request to hang up at. */
export const Slot = { turn: 0, fd: 1, request: 2, times: 3 } as const;

/** Hangs up on a front end in the middle of its requests. */
export class HangUp implements AsyncDisposable {
  readonly #words = new Int32Array(new SharedArrayBuffer(16));
  readonly #worker = new Worker(new URL('./hang-up-thread.ts', import.meta.url), {
    workerData: this.#words.buffer,
    execArgv: ['--conditions=ferry-source'],
  });

  /** The thread has to have loaded all it needs before anybody blocks for it, or counts descriptors. */
  async begin(): Promise<void> {
    await once(this.#worker, 'message');
  }

  /** Close `far`, which is taken over, once `request` has been read from it for the `times`th time. */
  at(request: number, times: number, far: Fd): void {
    Atomics.store(this.#words, Slot.fd, far.release());
    Atomics.store(this.#words, Slot.request, request);
    Atomics.store(this.#words, Slot.times, times);
    Atomics.store(this.#words, Slot.turn, 1);
    Atomics.notify(this.#words, Slot.turn);
  }

  /** Wait until that has been done. */
  done(): void {
    while (Atomics.load(this.#words, Slot.turn) === 1) Atomics.wait(this.#words, Slot.turn, 1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#worker, 'exit');
    Atomics.store(this.#words, Slot.turn, -1);
    Atomics.notify(this.#words, Slot.turn);
    await ended;
  }
}
