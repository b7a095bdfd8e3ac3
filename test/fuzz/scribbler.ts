/** Another thread that keeps flipping bits at the beginning of a guest's memory. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Fd } from '../../src/sys/index.ts';

const SOURCE = `
  import { parentPort, workerData } from 'node:worker_threads';
  import { Fd, mapShared } from ${JSON.stringify(import.meta.resolve('../../src/sys/index.ts'))};
  const { fd, length, stop } = workerData;
  using own = new Fd(fd, 'guest').duplicate();
  using mapping = mapShared(own, 0, length);
  const { bytes } = mapping;
  let state = 1;
  parentPort.postMessage('ready');
  while (Atomics.load(stop, 0) === 0) {
    state ^= state << 13; state ^= state >>> 17; state ^= state << 5;
    bytes[(state >>> 8) % length] ^= 1 << (state & 7);
  }`;

export class Scribbler implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #stop: Int32Array;

  private constructor(worker: Worker, stop: Int32Array) {
    this.#worker = worker;
    this.#stop = stop;
  }

  /** Flip bits in the first `length` bytes of `fd` from now on. */
  static async start(fd: Fd, length: number): Promise<Scribbler> {
    const stop = new Int32Array(new SharedArrayBuffer(4));
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(SOURCE)}`), {
      workerData: { fd: fd.number, length, stop },
    });
    await once(worker, 'message');
    return new Scribbler(worker, stop);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#worker, 'exit');
    Atomics.store(this.#stop, 0, 1);
    await ended;
  }
}
