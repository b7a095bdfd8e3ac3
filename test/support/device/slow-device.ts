/**
 * A device whose answers take as many milliseconds as a request's first word says, because another thread works on
 * them. `options` is how long stopping may take for them, in milliseconds. An answer is the number of requests that
 * were handed to `handle` when it was given.
 */
import { Worker } from 'node:worker_threads';
import {
  type DeferredRequest,
  type Device,
  type DeviceContext,
  type Handled,
  LATER,
  Poll,
  type Request,
  type Staged,
} from '../../../src/device/index.ts';
import { createEventfd, drainEventfd } from '../../../src/sys/index.ts';

/** Signals the descriptor after the time that it is told. */
const LANE = `
  const { parentPort } = require('node:worker_threads');
  const { writeSync } = require('node:fs');
  const one = new Uint8Array(new BigUint64Array([1n]).buffer);
  parentPort.on('message', ([fd, delay]) => setTimeout(() => writeSync(fd, one), delay));
`;

class Slow implements Device {
  readonly identity = { name: 'slow', virtioId: 60, stateVersion: 1 };
  readonly features = 0n;
  readonly queues = { count: 1, maxSize: 256 };
  readonly sections = [];
  readonly settleMilliseconds: number;
  readonly #done = createEventfd('lane');
  readonly #lane = new Worker(LANE, { eval: true });
  readonly #word = new Uint32Array(1);
  #waiting: { readonly due: number; readonly request: DeferredRequest }[] = [];
  #now = () => 0;
  #handled = 0n;

  constructor(settle: number) {
    this.settleMilliseconds = settle;
  }

  attach(context: DeviceContext): void {
    this.#now = context.now;
    context.watch(this.#done, Poll.in, () => {
      drainEventfd(this.#done.number);
      const due = this.#waiting.filter((one) => one.due <= context.now());
      this.#waiting = this.#waiting.filter((one) => !due.includes(one));
      for (const { request } of due) {
        if (request.abandoned) continue;
        request.writable.write(new Uint8Array(new BigUint64Array([this.#handled]).buffer));
        request.complete();
      }
    });
  }

  handle(request: Request): Handled {
    this.#handled++;
    request.readable.read(new Uint8Array(this.#word.buffer));
    const delay = this.#word[0]!;
    this.#waiting.push({ due: this.#now() + delay, request: request.defer() });
    // The other thread's clock may be a little ahead
    this.#lane.postMessage([this.#done.number, delay + 2]);
    return LATER;
  }

  save(): void {
    // The answers under way are all there is
  }

  load(): Staged {
    return { commit: () => undefined, [Symbol.dispose]: () => undefined };
  }

  [Symbol.dispose](): void {
    this.#lane.unref();
  }
}

export function createDevice(options: unknown): Device {
  return new Slow(Number(options));
}
