import { setTimeout as delay } from 'node:timers/promises';
import { asError } from '../errors.ts';
import { formatQmpAddress, type QmpAddress, QmpClient } from '../qmp/index.ts';
import type { MigrateTimings } from './options.ts';
import { hasEnded, identifyQemu, type ProcessIdentity } from './process.ts';

const RECONNECT_EVERY_MS = 100;

/** One of the two QEMUs of a move, through its monitor. */
export class Side implements AsyncDisposable {
  readonly role: 'source' | 'destination';
  readonly #process: ProcessIdentity | undefined;
  #client: QmpClient;

  private constructor(
    role: 'source' | 'destination',
    client: QmpClient,
    process: ProcessIdentity | undefined,
  ) {
    this.role = role;
    this.#client = client;
    this.#process = process;
  }

  /** Connect to the monitor at `where`, where a command may take `silenceMs`. Throws what `QmpClient.connect` throws. */
  static async connect(
    role: 'source' | 'destination',
    where: QmpAddress | string,
    { silenceMs }: MigrateTimings,
    signal: AbortSignal,
  ): Promise<Side> {
    const client = await QmpClient.connect(where, { signal, limits: { commandMs: silenceMs } });
    return new Side(role, client, await identifyQemu(client.peer?.pid ?? 0));
  }

  /** The current connection; after `reconnect` it is another one. */
  get client(): QmpClient {
    return this.#client;
  }

  /** As people know it: `the source (/run/a.qmp)`. */
  get name(): string {
    return `the ${this.role} (${formatQmpAddress(this.#client.address)})`;
  }

  /** The process behind the monitor, when it could be told for certain. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Whether the process is proven to have ended: its monitor has gone, and so has the very process. */
  async hasEnded(): Promise<boolean> {
    return this.#client.isClosed && this.#process !== undefined && (await hasEnded(this.#process));
  }

  /** Wait until the process is proven to have ended, for `withinMs` at most. */
  async waitForEnd(withinMs: number, signal: AbortSignal): Promise<boolean> {
    const deadline = AbortSignal.any([AbortSignal.timeout(withinMs), signal]);
    await Promise.race([this.#client.closed, aborted(deadline)]);
    while (this.#process !== undefined && !deadline.aborted) {
      if (await this.hasEnded()) return true;
      // The kernel tells of the end of a foreign process to its parent only.
      await delay(RECONNECT_EVERY_MS / 5);
    }
    return this.hasEnded();
  }

  /**
   * Replace a lost connection. Gives up after `withinMs`, when the process has ended, or when another process has taken the
   * address. True when there is a working connection.
   */
  async reconnect(withinMs: number, signal: AbortSignal): Promise<boolean> {
    const deadline = AbortSignal.any([AbortSignal.timeout(withinMs), signal]);
    // QEMU serves one client at a time: a connection that is of no use must not stand in the way of the next.
    await this.#client[Symbol.asyncDispose]();
    while (!deadline.aborted && !(await this.hasEnded())) {
      try {
        const client = await QmpClient.connect(this.#client.address, {
          signal: deadline,
          limits: { ...this.#client.limits, connectMs: withinMs },
        });
        const found = await identifyQemu(client.peer?.pid ?? 0);
        if (this.#process !== undefined && found?.startTime !== this.#process.startTime) {
          await client[Symbol.asyncDispose]();
          return false;
        }
        this.#client = client;
        return true;
      } catch (error) {
        // Every failure to connect is the state that this loop waits out.
        void asError(error);
        await delay(RECONNECT_EVERY_MS);
      }
    }
    return false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
  }
}

/** Resolves when `signal` is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (signal.aborted) resolve();
  else signal.addEventListener('abort', () => resolve(), { once: true });
  return promise;
}
