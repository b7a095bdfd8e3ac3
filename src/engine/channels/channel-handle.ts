import type { Worker } from 'node:worker_threads';
import { asError } from '../../errors.ts';
import { setSocketTimeouts } from '../../sys/index.ts';
import type { Connection } from './connection.ts';
import { ChannelError } from './errors.ts';
import { LOAD_WITHIN } from './limits.ts';
import type { ChannelMessage, ChannelStart } from './thread-messages.ts';
import { startThread } from './warm.ts';

/** Milliseconds: for a packet, between packets, and for the thread to end. */
interface Deadlines {
  readonly packetMs: number;
  readonly idleMs: number;
  readonly endMs: number;
}

/** The main thread's hold on the thread of one channel over one connection. */
export class ChannelThread {
  /** `ended`: in good order. `stopped`: as it was told to, or badly. */
  state: 'running' | 'ended' | 'stopped' = 'running';
  /** Whether its kinds are loaded. */
  hasBegun = false;
  /** Names of its kinds. */
  kinds: readonly string[] = [];
  readonly #id: number;
  readonly #connection: Connection;
  readonly #worker: Worker;
  readonly #endMs: number;
  readonly #changed: () => void;
  readonly #gone = Promise.withResolvers<void>();
  #last: ChannelMessage | undefined;
  #failure: Error | undefined;
  #stopped: Promise<void> | undefined;

  /**
   * Start the thread, or have `warm` be it; `connection` is taken over. `changed` is called whenever it has come further.
   */
  constructor(
    start: Omit<ChannelStart, 'stream'>,
    connection: Connection,
    { packetMs, idleMs, endMs }: Deadlines,
    changed: () => void,
    warm?: Worker,
  ) {
    this.#id = start.id;
    this.#connection = connection;
    this.#endMs = endMs;
    this.#changed = changed;
    const { fd, transport } = connection;
    if (transport.kind !== 'file') {
      fd.setNonBlocking(false);
      setSocketTimeouts(fd, packetMs);
    }
    const stream = { transport, packetMs, idleMs };
    const whole: ChannelStart = { ...start, stream };
    this.#worker = warm ?? startThread(whole);
    this.#worker.on('message', (message: ChannelMessage) => {
      if (message.kind === 'warm') return;
      if (message.kind !== 'ready') this.#last = message;
      else {
        this.hasBegun = true;
        this.kinds = message.names;
        this.#changed();
      }
    });
    this.#worker.on('error', (error) => {
      this.#failure ??= this.#failed(asError(error).message, error);
    });
    this.#worker.once('exit', () => void this.#settle());
    warm?.postMessage(whole);
  }

  /** Make blocked calls on the connection return. */
  unblock(): void {
    if (this.state === 'running') this.#connection.shutdown();
  }

  /** What the thread ended with, once: undefined where nothing is wrong. */
  takeFailure(): Error | undefined {
    if (this.state === 'running') return undefined;
    const failure = this.#failure;
    this.#failure = undefined;
    return failure;
  }

  /** Have the thread end, which has been told to. Resolves when it is gone and the connection closed, or given up. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.unblock();
    // One that still loads its modules must not be disturbed: it looks whether it is wanted as soon as that is done
    const endMs = this.hasBegun ? this.#endMs : LOAD_WITHIN;
    const force = setTimeout(() => this.#force(), endMs);
    const giveUp = setTimeout(() => this.#giveUp(), endMs + this.#endMs);
    try {
      await this.#gone.promise;
    } finally {
      clearTimeout(force);
      clearTimeout(giveUp);
    }
  }

  #force(): void {
    if (!this.hasBegun) return;
    this.#failure ??= this.#failed(`its thread did not end within ${this.#endMs} ms`);
    this.#worker.terminate().catch((error: unknown) => this.#giveUp(error));
  }

  /** The thread is in a call that does not return. What it was lent stays as it is: nothing may use it again. */
  #giveUp(cause?: unknown): void {
    if (this.state !== 'running') return;
    this.#failure = this.#failed('its thread is in a call that does not return', cause);
    this.state = 'stopped';
    this.#connection.fd.release();
    this.#worker.unref();
    this.#gone.resolve();
    this.#changed();
  }

  async #settle(): Promise<void> {
    if (this.state !== 'running') return;
    const last = this.#last;
    try {
      if (last?.kind === 'failed') throw this.#revived(last);
      if (last === undefined) throw this.#failed('its thread ended without a word');
      if (last.kind === 'ended' && last.orderly) this.state = 'ended';
    } catch (error) {
      this.#failure ??= asError(error);
    }
    if (this.state === 'running') this.state = 'stopped';
    await this.#connection[Symbol.asyncDispose]();
    this.#gone.resolve();
    this.#changed();
  }

  #revived({ code, message, stack }: Extract<ChannelMessage, { kind: 'failed' }>): Error {
    const error = new ChannelError(code, message);
    if (stack !== undefined) error.stack = stack;
    return error;
  }

  #failed(what: string, cause?: unknown): ChannelError {
    return new ChannelError('ERR_CHANNEL', `Channel ${this.#id}: ${what}`, { cause });
  }
}
