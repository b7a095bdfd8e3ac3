import { asError } from '../errors.ts';
import type { Fd } from '../sys/index.ts';
import type { QmpChannel } from './channel.ts';
import { QmpCommandError, QmpProtocolError, QmpUnansweredError, type Unanswered } from './errors.ts';
import type { QmpLimits } from './limits.ts';
import type { QmpMessage } from './message.ts';

/** How one command is carried out. */
export interface ExecuteOptions {
  readonly signal?: AbortSignal;
  /** Longest wait for the answer; `QmpLimits.commandMs` when absent. */
  readonly deadlineMs?: number;
  /** Descriptors that travel with the command (getfd, add-fd). They stay the caller's. */
  readonly fds?: readonly Fd[];
}

interface Pending {
  readonly id: string;
  readonly command: string;
  readonly line: string;
  readonly outOfBand: boolean;
  readonly fds: readonly Fd[];
  readonly settle: (outcome: { value: unknown } | { error: Error }) => void;
  /** Aborted when QEMU has answered, or when nothing of the command will ever be sent. */
  readonly over: AbortController;
  sent: boolean;
}

/**
 * The commands of one connection: those in flight, those that wait for room, and those whose caller gave up. A command that
 * was sent keeps its place until QEMU answers it, whoever still waits.
 */
export class Calls {
  readonly #channel: QmpChannel;
  readonly #limits: QmpLimits;
  readonly #giveUp: (error: Error) => void;
  readonly #pending = new Map<string, Pending>();
  readonly #backlog: Pending[] = [];
  readonly #abandoned = new Map<string, Pending>();
  #failure: Error | undefined;
  #inFlight = 0;
  #nextId = 1;
  #fdTurn: Promise<void> = Promise.resolve();

  /** `giveUp` is called when the peer has left too many commands without an answer. */
  constructor(channel: QmpChannel, limits: QmpLimits, giveUp: (error: Error) => void) {
    this.#channel = channel;
    this.#limits = limits;
    this.#giveUp = giveUp;
  }

  /** Send `command` as soon as there is room for it. Resolves with what QEMU returns. */
  run(command: string, args: unknown, options: ExecuteOptions, outOfBand: boolean): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const { signal, deadlineMs = this.#limits.commandMs, fds = [] } = options;
    const unanswered = (why: Unanswered, detail: string, cause?: unknown) =>
      new QmpUnansweredError(command, why, pending.sent, detail, cause);
    const timer = setTimeout(() => {
      this.#abandon(pending, unanswered('deadline', `none came within ${deadlineMs} ms`));
    }, deadlineMs);
    const abort = () => this.#abandon(pending, unanswered('aborted', 'the caller gave up', signal?.reason));
    const id = `f${this.#nextId++}`;
    const pending: Pending = {
      id,
      command,
      line: `${JSON.stringify({ [outOfBand ? 'exec-oob' : 'execute']: command, arguments: args, id })}\n`,
      outOfBand,
      fds,
      over: new AbortController(),
      sent: false,
      settle: (outcome) => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        if ('error' in outcome) reject(outcome.error);
        else resolve(outcome.value);
      },
    };
    if (this.#failure !== undefined)
      pending.settle({ error: unanswered('closed', this.#failure.message, this.#failure) });
    else if (signal?.aborted === true)
      pending.settle({ error: unanswered('aborted', 'the caller gave up', signal.reason) });
    else {
      signal?.addEventListener('abort', abort, { once: true });
      if (outOfBand) this.#send(pending);
      else {
        this.#backlog.push(pending);
        this.#pump();
      }
    }
    return promise;
  }

  #pump(): void {
    while (this.#inFlight < this.#limits.inFlight) {
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
    this.#sendWithFds(pending, previous)
      .finally(turn.resolve)
      .catch((error: unknown) => {
        if (!this.#pending.delete(pending.id)) return;
        this.#finished(pending);
        pending.settle({ error: asError(error) });
      });
  }

  async #sendWithFds(pending: Pending, previous: Promise<void>): Promise<void> {
    const { signal } = pending.over;
    await withSignal(previous, signal);
    await this.#channel.writeWithFds(pending.line, pending.fds, signal);
    pending.sent = true;
    const answered = Promise.withResolvers<void>();
    signal.addEventListener('abort', () => answered.resolve(), { once: true });
    await answered.promise;
  }

  #finished(pending: Pending): void {
    pending.over.abort();
    if (pending.outOfBand) return;
    this.#inFlight--;
    this.#pump();
  }

  #abandon(pending: Pending, error: Error): void {
    const wasPending = this.#pending.delete(pending.id);
    if (wasPending && pending.sent) {
      this.#abandoned.set(pending.id, pending);
      if (this.#abandoned.size > this.#limits.abandoned)
        this.#giveUp(
          new QmpProtocolError(`More than ${this.#limits.abandoned} commands were never answered`),
        );
    } else if (wasPending) this.#finished(pending);
    else this.#backlog.splice(this.#backlog.indexOf(pending), 1);
    pending.settle({ error });
  }

  /** Take an answer. Throws `QmpProtocolError` when nobody asked. */
  answer(message: Exclude<QmpMessage, { kind: 'event' }>): void {
    const id = typeof message.id === 'string' ? message.id : '';
    const pending = this.#pending.get(id);
    const abandoned = this.#abandoned.get(id);
    if (pending !== undefined) {
      this.#pending.delete(id);
      this.#finished(pending);
      if (message.kind === 'return') pending.settle({ value: message.value });
      else {
        const error = new QmpCommandError(pending.command, message.errorClass, message.description);
        pending.settle({ error });
      }
    } else if (abandoned !== undefined) {
      this.#abandoned.delete(id);
      this.#finished(abandoned);
    } else if (message.kind === 'error' && message.id === undefined)
      throw new QmpProtocolError(`QEMU could not read what was sent: ${message.description}`);
    else
      throw new QmpProtocolError(`An answer came for ${JSON.stringify(message.id)}, which was never asked`);
  }

  /** The connection is over: everybody who waits hears of it, and so does everybody who comes. */
  fail(failure: Error): void {
    this.#failure = failure;
    const waiting = [...this.#pending.values(), ...this.#backlog];
    this.#pending.clear();
    this.#backlog.length = 0;
    for (const pending of [...waiting, ...this.#abandoned.values()]) pending.over.abort();
    this.#abandoned.clear();
    for (const { command, sent, settle } of waiting)
      settle({ error: new QmpUnansweredError(command, 'closed', sent, failure.message, failure) });
  }
}

/** `promise`, or the signal's reason when that comes first. */
export async function withSignal<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
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
