import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { asError, DeadlineError, FerryError } from '../../errors.ts';
import { SlotError } from './errors.ts';
import { type LaneFailure, type LaneMessage, type LaneStart, type LaneTask, READY } from './lane-messages.ts';
import { LANE_END_WITHIN, LANE_FORCE_WITHIN, LANE_LOAD_WITHIN, LANE_START_WITHIN } from './limits.ts';

export interface LaneOptions {
  /** For messages: `lane of blk-3`. */
  readonly name: string;
  /** The module that does the work, as a URL; it is loaded on the lane's thread. */
  readonly module: URL | string;
  /**
   * The function that it exports for that, `createLane` by default: it is given `start` and returns a function that does
   * one task and returns its answer. Both may return a promise, and both may block. Where that function has a
   * `Symbol.dispose`, it is called on the thread when the lane ends in good order.
   */
  readonly factory?: string;
  /** Plain data: it is copied to the thread. */
  readonly start: unknown;
}

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A thread of its own for what blocks on one device: tasks are done there one after the other, and hold nobody else up. What
 * a task is told to stop by is the task's affair: a word in shared memory, slots that are aborted.
 */
export class Lane implements AsyncDisposable {
  readonly name: string;
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #waiting = new Map<number, Waiting>();
  readonly #ended: Promise<void>;
  #failure: Error | undefined;
  #isReady = false;
  #hasEnded = false;
  #nextId = READY + 1;

  /** Resolves when the thread is ready for tasks; rejects with what kept it from that, and with `ERR_DEADLINE`. */
  static async start(options: LaneOptions, { signal }: { signal?: AbortSignal } = {}): Promise<Lane> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const lane = new Lane(options, { resolve, reject });
    try {
      const limits = { deadline: LANE_START_WITHIN, ...(signal && { signal }) };
      await lane.#within(promise, limits, 'to be ready');
      return lane;
    } catch (error) {
      await lane[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(options: LaneOptions, ready: Waiting) {
    this.name = options.name;
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const start: LaneStart = {
      module: String(options.module),
      factory: options.factory ?? 'createLane',
      start: options.start,
      port: port2,
    };
    this.#waiting.set(READY, ready);
    this.#worker = new Worker(threadModule(), { workerData: start, transferList: [port2] });
    port1.on('message', (message: LaneMessage) => this.#receive(message));
    this.#worker.on('error', (error) => {
      const cause = asError(error);
      this.#failure ??= new SlotError('ERR_LANE', `The ${this.name} failed: ${cause.message}`, { cause });
    });
    const ended = Promise.withResolvers<void>();
    this.#ended = ended.promise;
    this.#worker.once('exit', () => {
      this.#hasEnded = true;
      for (let last = receiveMessageOnPort(port1); last !== undefined; last = receiveMessageOnPort(port1))
        this.#receive(last.message as LaneMessage);
      port1.close();
      const failure = this.#failure ?? new SlotError('ERR_LANE', `The ${this.name} has ended`);
      for (const { reject } of this.#waiting.values()) reject(failure);
      this.#waiting.clear();
      ended.resolve();
    });
  }

  /** Number of the thread, which the ledgers of slots know it by; -1 when it has ended. */
  get thread(): number {
    return this.#worker.threadId;
  }

  /** Whether the thread has ended: nothing that it was lent is in use any more. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /**
   * Have a task done, after those before it. Rejects with what it throws; with the signal's reason or `ERR_DEADLINE` (after
   * `deadline` milliseconds) the task may still be under way: only the end of the lane says that it is not.
   */
  async run(
    task: unknown,
    { signal, deadline }: { signal?: AbortSignal; deadline?: number } = {},
  ): Promise<unknown> {
    if (this.#hasEnded) throw this.#failure ?? new SlotError('ERR_LANE', `The ${this.name} has ended`);
    signal?.throwIfAborted();
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#waiting.set(id, { resolve, reject });
    const message: LaneTask = { id, task };
    this.#port.postMessage(message);
    try {
      return await this.#within(
        promise,
        { ...(signal && { signal }), ...(deadline !== undefined && { deadline }) },
        'to do what it was asked for',
      );
    } finally {
      this.#waiting.delete(id);
    }
  }

  /**
   * End the thread after the tasks that it has; by force after `milliseconds`, which ends it at once where it is in
   * JavaScript or in a wait, else when the system call that it is in returns. One that is not ready yet has longer: force
   * while native modules are being loaded would end the process. Resolves with whether it has ended: where it has not, what
   * it was lent has to be quarantined.
   */
  async end(milliseconds = LANE_END_WITHIN): Promise<boolean> {
    if (this.#hasEnded) return true;
    const message: LaneTask = { id: undefined };
    this.#port.postMessage(message);
    const patience = this.#isReady ? milliseconds : Math.max(milliseconds, LANE_LOAD_WITHIN);
    if (await this.#endsWithin(patience)) return true;
    void this.#worker.terminate().catch((error: unknown) => {
      this.#failure ??= asError(error);
    });
    if (await this.#endsWithin(LANE_FORCE_WITHIN)) return true;
    // The process may end without it
    this.#worker.unref();
    this.#port.unref();
    return false;
  }

  async #endsWithin(milliseconds: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, milliseconds);
    try {
      await Promise.race([this.#ended, promise]);
    } finally {
      clearTimeout(timer);
    }
    return this.#hasEnded;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }

  async #within(
    promise: Promise<unknown>,
    { signal, deadline }: { signal?: AbortSignal; deadline?: number },
    what: string,
  ): Promise<unknown> {
    const stop = Promise.withResolvers<never>();
    const abort = () => stop.reject(asError(signal?.reason));
    const late = () => stop.reject(new DeadlineError(`For the ${this.name} ${what}`, deadline!));
    const timer = deadline === undefined ? undefined : setTimeout(late, deadline);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      return await Promise.race([promise, stop.promise]);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    }
  }

  #receive(message: LaneMessage): void {
    switch (message.kind) {
      case 'done':
        if (message.id === READY) this.#isReady = true;
        this.#waiting.get(message.id)?.resolve(message.answer);
        break;
      case 'failed':
        this.#waiting.get(message.id)?.reject(errorOf(message.error));
        break;
    }
  }
}

/** The error that a task threw, as far as it could travel. */
function errorOf({ code, message, stack, retry }: LaneFailure): Error {
  const error = code === undefined ? new Error(message) : new FerryError(code, message, { retry });
  if (stack !== undefined) error.stack = stack;
  return error;
}

/** The lane's entry, in the sources or compiled. */
function threadModule(): URL {
  const name = import.meta.url.endsWith('.ts') ? './lane-thread.ts' : './lane-thread.js';
  return new URL(name, import.meta.url);
}
