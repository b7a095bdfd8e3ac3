import { asError } from '../errors.ts';
import { formatQmpAddress, parseQmpAddress, type QmpAddress } from './address.ts';
import { Calls, type ExecuteOptions, withSignal } from './calls.ts';
import { QmpChannel, type QmpPeer } from './channel.ts';
import { QmpClosedError, QmpConnectError, QmpProtocolError } from './errors.ts';
import { EventSubscription } from './events.ts';
import { type Commands, commandShapes, type OutOfBandCommand } from './generated/commands.ts';
import type { Events } from './generated/events.ts';
import { QMP_LIMITS, type QmpLimits } from './limits.ts';
import { LineSplitter } from './lines.ts';
import { decodeGreeting, decodeMessage, type QmpGreeting, type QmpMessage } from './message.ts';

export interface ConnectOptions {
  readonly signal?: AbortSignal;
  readonly limits?: Partial<QmpLimits>;
}

type Rest<C extends keyof Commands> =
  Record<never, never> extends Commands[C]['arguments']
    ? [args?: Commands[C]['arguments'], options?: ExecuteOptions]
    : [args: Commands[C]['arguments'], options?: ExecuteOptions];

/**
 * One connection to a QEMU monitor: greeting, capabilities (out-of-band where QEMU offers it), any number of commands at
 * a time, events. Errors of `execute`: `QmpCommandError` when QEMU refuses, `QmpUnansweredError` when no answer came,
 * `DecodeError` when the answer is not what the schema says. A peer that breaks the protocol loses the connection.
 */
export class QmpClient implements AsyncDisposable {
  readonly address: QmpAddress;
  readonly limits: QmpLimits;
  /** Resolves, never rejects, with the reason when the connection is over. */
  readonly closed: Promise<Error>;
  readonly #channel: QmpChannel;
  readonly #lines: LineSplitter;
  readonly #greeted = Promise.withResolvers<QmpGreeting>();
  readonly #closing = Promise.withResolvers<Error>();
  readonly #calls: Calls;
  readonly #subscriptions = new Set<{
    offer(name: string, data: unknown, seconds: number): void;
    fail(error: Error): void;
  }>();
  #greeting: QmpGreeting | undefined;
  #failure: Error | undefined;

  private constructor(address: QmpAddress, channel: QmpChannel, limits: QmpLimits) {
    this.address = address;
    this.limits = limits;
    this.closed = this.#closing.promise;
    this.#channel = channel;
    this.#lines = new LineSplitter(limits.lineBytes);
    this.#calls = new Calls(channel, limits, (error) => this.#fail(error));
    // Whoever connects waits for the greeting; when that wait was cut short nobody is left to hear of a failure.
    this.#greeted.promise.catch(() => undefined);
    channel.listen(
      (chunk) => this.#receive(chunk),
      (error) => this.#ended(error),
    );
  }

  /** Connect to a monitor and negotiate. Throws `QmpConnectError` or `QmpProtocolError`, or the signal's reason. */
  static async connect(where: QmpAddress | string, options: ConnectOptions = {}): Promise<QmpClient> {
    const address = typeof where === 'string' ? parseQmpAddress(where) : where;
    const limits = { ...QMP_LIMITS, ...options.limits };
    const deadline = AbortSignal.timeout(limits.connectMs);
    const signal = options.signal === undefined ? deadline : AbortSignal.any([deadline, options.signal]);
    let client: QmpClient | undefined;
    try {
      client = new QmpClient(address, await QmpChannel.open(address, signal), limits);
      const greeting = await withSignal(client.#greeted.promise, signal);
      const enable = greeting.capabilities.includes('oob') ? (['oob'] as const) : [];
      await client.execute('qmp_capabilities', { enable: [...enable] }, { signal });
      return client;
    } catch (error) {
      await client?.[Symbol.asyncDispose]();
      if (options.signal?.aborted === true) throw options.signal.reason;
      if (!deadline.aborted) throw error;
      throw new QmpConnectError(
        `${formatQmpAddress(address)} ${client === undefined ? 'took no connection' : 'sent no greeting'} within ${limits.connectMs} ms: QEMU is busy or stopped, or another client holds this monitor`,
        { cause: error, retry: true },
      );
    }
  }

  get greeting(): QmpGreeting {
    if (this.#greeting === undefined) throw new QmpConnectError('No greeting has come yet');
    return this.#greeting;
  }

  /** Who listens at the other end of a unix socket. */
  get peer(): QmpPeer | undefined {
    return this.#channel.peer;
  }

  get isClosed(): boolean {
    return this.#failure !== undefined;
  }

  /** Send `command` and wait for its result. */
  async execute<C extends keyof Commands>(command: C, ...rest: Rest<C>): Promise<Commands[C]['result']> {
    const value = await this.#calls.run(command, rest[0], rest[1] ?? {}, false);
    return commandShapes[command](value, command);
  }

  /** Send `command` ahead of everything that waits in QEMU's queue. */
  async executeOutOfBand<C extends OutOfBandCommand>(
    command: C,
    ...rest: Rest<C>
  ): Promise<Commands[C]['result']> {
    if (!this.greeting.capabilities.includes('oob'))
      throw new QmpConnectError(`${formatQmpAddress(this.address)} takes no commands out of band`);
    const value = await this.#calls.run(command, rest[0], rest[1] ?? {}, true);
    return commandShapes[command](value, command);
  }

  /** The events called `names` from now on. See `EventSubscription` for what happens to a slow reader. */
  events<E extends keyof Events>(names: readonly E[], limit = this.limits.eventQueue): EventSubscription<E> {
    const subscription = new EventSubscription(names, limit, (ended) => this.#subscriptions.delete(ended));
    if (this.#failure === undefined) this.#subscriptions.add(subscription);
    else subscription.fail(this.#failure);
    return subscription;
  }

  #receive(chunk: Buffer): void {
    try {
      for (const line of this.#lines.push(chunk)) {
        if (this.#failure !== undefined) return;
        if (this.#greeting === undefined) {
          this.#greeting = decodeGreeting(line);
          this.#greeted.resolve(this.#greeting);
        } else this.#dispatch(decodeMessage(line));
      }
    } catch (error) {
      this.#fail(asError(error));
    }
  }

  #dispatch(message: QmpMessage): void {
    if (message.kind !== 'event') this.#calls.answer(message);
    else
      for (const subscription of this.#subscriptions)
        subscription.offer(message.name, message.data, message.seconds);
  }

  #ended(error?: Error): void {
    if (error !== undefined) this.#fail(new QmpClosedError(`The connection broke: ${error.message}`, error));
    else if (this.#lines.pending > 0)
      this.#fail(new QmpProtocolError(`QEMU closed the connection in the middle of a line`));
    else if (this.#greeting === undefined)
      this.#fail(new QmpConnectError('The connection was closed before a greeting came', { retry: true }));
    else this.#fail(new QmpClosedError('QEMU closed the connection'));
  }

  #fail(failure: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = failure;
    this.#channel.destroy();
    this.#greeted.reject(failure);
    this.#calls.fail(failure);
    for (const subscription of this.#subscriptions) subscription.fail(failure);
    this.#subscriptions.clear();
    this.#closing.resolve(failure);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#fail(new QmpClosedError('This side closed the connection'));
    await this.#channel[Symbol.asyncDispose]();
  }
}
