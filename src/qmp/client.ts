import { asError } from '../errors.ts';
import type { Fd } from '../sys/index.ts';
import { formatQmpAddress, parseQmpAddress, type QmpAddress } from './address.ts';
import { QmpChannel, type QmpPeer } from './channel.ts';
import {
  QmpClosedError,
  QmpCommandError,
  QmpConnectError,
  QmpProtocolError,
  QmpUnansweredError,
  type Unanswered,
} from './errors.ts';
import { EventSubscription } from './events.ts';
import { type Commands, commandShapes, type OutOfBandCommand } from './generated/commands.ts';
import type { Events } from './generated/events.ts';
import { QMP_LIMITS, type QmpLimits } from './limits.ts';
import { LineSplitter } from './lines.ts';
import { decodeGreeting, decodeMessage, type QmpGreeting, type QmpMessage } from './message.ts';

/** How one command is carried out. */
export interface ExecuteOptions {
  readonly signal?: AbortSignal;
  /** Longest wait for the answer; `QmpLimits.commandMs` when absent. */
  readonly deadlineMs?: number;
  /** Descriptors that travel with the command (getfd, add-fd). They stay the caller's. */
  readonly fds?: readonly Fd[];
}

export interface ConnectOptions {
  readonly signal?: AbortSignal;
  readonly limits?: Partial<QmpLimits>;
}

type Rest<C extends keyof Commands> =
  Record<never, never> extends Commands[C]['arguments']
    ? [args?: Commands[C]['arguments'], options?: ExecuteOptions]
    : [args: Commands[C]['arguments'], options?: ExecuteOptions];

interface Pending {
  readonly id: string;
  readonly command: string;
  readonly line: string;
  readonly outOfBand: boolean;
  readonly fds: readonly Fd[];
  readonly settle: (outcome: { value: unknown } | { error: Error }) => void;
  readonly gaveUp: AbortController;
  sent: boolean;
}

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
  readonly #pending = new Map<string, Pending>();
  readonly #backlog: Pending[] = [];
  readonly #abandoned = new Map<string, Pending>();
  readonly #subscriptions = new Set<{
    offer(name: string, data: unknown, seconds: number): void;
    fail(error: Error): void;
  }>();
  #greeting: QmpGreeting | undefined;
  #failure: Error | undefined;
  #inFlight = 0;
  #nextId = 1;
  #fdTurn: Promise<void> = Promise.resolve();

  private constructor(address: QmpAddress, channel: QmpChannel, limits: QmpLimits) {
    this.address = address;
    this.limits = limits;
    this.closed = this.#closing.promise;
    this.#channel = channel;
    this.#lines = new LineSplitter(limits.lineBytes);
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
    const value = await this.#run(command, rest[0], rest[1] ?? {}, false);
    return commandShapes[command](value, command);
  }

  /** Send `command` ahead of everything that waits in QEMU's queue. */
  async executeOutOfBand<C extends OutOfBandCommand>(
    command: C,
    ...rest: Rest<C>
  ): Promise<Commands[C]['result']> {
    if (!this.greeting.capabilities.includes('oob'))
      throw new QmpConnectError(`${formatQmpAddress(this.address)} takes no commands out of band`);
    const value = await this.#run(command, rest[0], rest[1] ?? {}, true);
    return commandShapes[command](value, command);
  }

  /** The events called `names` from now on. See `EventSubscription` for what happens to a slow reader. */
  events<E extends keyof Events>(names: readonly E[], limit = this.limits.eventQueue): EventSubscription<E> {
    const subscription = new EventSubscription(names, limit, (ended) => this.#subscriptions.delete(ended));
    if (this.#failure === undefined) this.#subscriptions.add(subscription);
    else subscription.fail(this.#failure);
    return subscription;
  }

  #run(command: string, args: unknown, options: ExecuteOptions, outOfBand: boolean): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const deadlineMs = options.deadlineMs ?? this.limits.commandMs;
    const unanswered = (why: Unanswered, detail: string, cause?: unknown) =>
      new QmpUnansweredError(command, why, pending.sent, detail, cause);
    const timer = setTimeout(() => {
      this.#abandon(pending, unanswered('deadline', `none came within ${deadlineMs} ms`));
    }, deadlineMs);
    const abort = () =>
      this.#abandon(pending, unanswered('aborted', 'the caller gave up', options.signal?.reason));
    const id = `f${this.#nextId++}`;
    const pending: Pending = {
      id,
      command,
      line: `${JSON.stringify({ [outOfBand ? 'exec-oob' : 'execute']: command, arguments: args, id })}\n`,
      outOfBand,
      fds: options.fds ?? [],
      gaveUp: new AbortController(),
      sent: false,
      settle: (outcome) => {
        clearTimeout(timer);
        options.signal?.removeEventListener('abort', abort);
        if ('error' in outcome) reject(outcome.error);
        else resolve(outcome.value);
      },
    };
    if (this.#failure !== undefined)
      pending.settle({ error: unanswered('closed', this.#failure.message, this.#failure) });
    else if (options.signal?.aborted === true)
      pending.settle({ error: unanswered('aborted', 'the caller gave up', options.signal.reason) });
    else {
      options.signal?.addEventListener('abort', abort, { once: true });
      if (outOfBand) this.#send(pending);
      else {
        this.#backlog.push(pending);
        this.#pump();
      }
    }
    return promise;
  }

  #pump(): void {
    while (this.#inFlight < this.limits.inFlight) {
      const next = this.#backlog.shift();
      if (next === undefined) return;
      this.#inFlight++;
      this.#send(next);
    }
  }

  #send(pending: Pending): void {
    this.#pending.set(pending.id, pending);
    if (pending.fds.length === 0) {
      pending.sent = true;
      this.#channel.write(pending.line);
      return;
    }
    // QEMU holds one set of received descriptors: a second set may be sent only when the first has been taken.
    const previous = this.#fdTurn;
    const turn = Promise.withResolvers<void>();
    this.#fdTurn = turn.promise;
    void this.#sendWithFds(pending, previous).then(turn.resolve, (error: unknown) => {
      turn.resolve();
      if (this.#pending.delete(pending.id)) {
        this.#finished(pending);
        pending.settle({ error: asError(error) });
      }
    });
  }

  async #sendWithFds(pending: Pending, previous: Promise<void>): Promise<void> {
    await withSignal(previous, pending.gaveUp.signal);
    await this.#channel.writeWithFds(pending.line, pending.fds, pending.gaveUp.signal);
    pending.sent = true;
    const answered = Promise.withResolvers<void>();
    pending.gaveUp.signal.addEventListener('abort', () => answered.resolve(), { once: true });
    await answered.promise;
  }

  #finished(pending: Pending): void {
    pending.gaveUp.abort();
    if (pending.outOfBand) return;
    this.#inFlight--;
    this.#pump();
  }

  /** The caller waits no longer; what was sent keeps its place until QEMU answers it. */
  #abandon(pending: Pending, error: Error): void {
    if (pending.sent && this.#pending.delete(pending.id)) {
      this.#abandoned.set(pending.id, pending);
      if (this.#abandoned.size > this.limits.abandoned)
        this.#fail(new QmpProtocolError(`More than ${this.limits.abandoned} commands were never answered`));
    } else if (this.#pending.delete(pending.id)) this.#finished(pending);
    else this.#backlog.splice(this.#backlog.indexOf(pending), 1);
    pending.settle({ error });
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
    if (message.kind === 'event') {
      for (const subscription of this.#subscriptions)
        subscription.offer(message.name, message.data, message.seconds);
      return;
    }
    const id = typeof message.id === 'string' ? message.id : undefined;
    const pending = id === undefined ? undefined : this.#pending.get(id);
    const abandoned = id === undefined ? undefined : this.#abandoned.get(id);
    if (pending !== undefined) {
      this.#pending.delete(pending.id);
      this.#finished(pending);
      if (message.kind === 'return') pending.settle({ value: message.value });
      else
        pending.settle({
          error: new QmpCommandError(pending.command, message.errorClass, message.description),
        });
    } else if (abandoned !== undefined) {
      this.#abandoned.delete(abandoned.id);
      this.#finished(abandoned);
    } else if (message.kind === 'error' && message.id === undefined)
      throw new QmpProtocolError(`QEMU could not read what was sent: ${message.description}`);
    else
      throw new QmpProtocolError(`An answer came for ${JSON.stringify(message.id)}, which was never asked`);
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
    const waiting = [...this.#pending.values(), ...this.#backlog];
    this.#pending.clear();
    this.#backlog.length = 0;
    for (const pending of waiting) {
      pending.gaveUp.abort();
      pending.settle({
        error: new QmpUnansweredError(pending.command, 'closed', pending.sent, failure.message, failure),
      });
    }
    for (const subscription of this.#subscriptions) subscription.fail(failure);
    this.#subscriptions.clear();
    this.#closing.resolve(failure);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#fail(new QmpClosedError('This side closed the connection'));
    await this.#channel[Symbol.asyncDispose]();
  }
}

/** `promise`, or the signal's reason when that comes first. */
async function withSignal<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(asError(signal.reason));
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
