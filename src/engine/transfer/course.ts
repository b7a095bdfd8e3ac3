import type { Duplex } from 'node:stream';
import { asError, FerryError } from '../../errors.ts';
import type { PhaseLog } from '../../state/index.ts';
import { ControlLink } from './control/link.ts';
import type { Message, MessageKind, MessageOf } from './control/messages.ts';
import { PeerError, TransferError } from './errors.ts';
import type { TransferEvent, TransferEventBody } from './events.ts';
import { TIMINGS, type TransferTimings } from './options.ts';
import type { PhaseName, PhaseRule } from './phases.ts';

/** Why a transfer does not go on. */
export interface Cause {
  readonly outcome: 'cancelled' | 'failed';
  readonly error: FerryError;
  /** `peer`: it said so itself, and will do nothing any more. */
  readonly from: 'here' | 'peer';
}

/** What the peer says without being asked. */
export type Notice = MessageOf<'credit' | 'received' | 'device-loaded' | 'channel-lost'>;

const NOTICES: readonly MessageKind[] = ['credit', 'received', 'device-loaded', 'channel-lost'];

interface CourseOptions {
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: TransferEvent) => void;
  readonly timings?: Partial<TransferTimings>;
}

/** What a course is to whatever goes on beside its walk. */
export interface Proceedings {
  readonly signal: AbortSignal;
  emit(event: TransferEventBody): void;
  fail(thrown: unknown): void;
}

/** One end of a transfer on its way through its phases: what both ends have in common. */
export class Course<N extends PhaseName> implements Proceedings, Disposable {
  readonly timings: TransferTimings;
  /** Aborted with the error as soon as the transfer does not go on: every wait ends with it. */
  readonly signal: AbortSignal;
  readonly log: PhaseLog<N>;
  /** Hears what the peer says unasked; what it throws ends the transfer. */
  onNotice: (notice: Notice) => void = () => undefined;
  link: ControlLink | undefined;
  /** How the peer is called in messages. */
  readonly #peer: string;
  readonly #table: Readonly<Record<N, PhaseRule<N>>>;
  readonly #onEvent: ((event: TransferEvent) => void) | undefined;
  readonly #stop = new AbortController();
  readonly #wish: AbortSignal | undefined;
  readonly #began = performance.now();
  #cause: Cause | undefined;

  constructor(
    peer: string,
    log: PhaseLog<N>,
    table: Readonly<Record<N, PhaseRule<N>>>,
    options: CourseOptions,
  ) {
    this.#peer = peer;
    this.log = log;
    this.#table = table;
    this.#onEvent = options.onEvent;
    this.#wish = options.signal;
    this.timings = { ...TIMINGS, ...options.timings };
    this.signal = this.#stop.signal;
    if (this.#wish?.aborted === true) this.#cancel();
    this.#wish?.addEventListener('abort', this.#cancel);
  }

  get phase(): N {
    return this.log.current;
  }

  get rule(): PhaseRule<N> {
    return this.#table[this.log.current];
  }

  get cause(): Cause | undefined {
    return this.#cause;
  }

  get elapsedMs(): number {
    return performance.now() - this.#began;
  }

  enter(phase: N): void {
    this.log.advance(this.log.current, phase);
    this.emit({ type: 'phase', phase, cancel: this.rule.cancel });
  }

  /** Tell whoever listens. A listener that throws ends the transfer, but never keeps it from coming to its end. */
  emit(event: TransferEventBody): void {
    try {
      this.#onEvent?.({ atMs: Math.round(this.elapsedMs), ...event } as TransferEvent);
    } catch (error) {
      if (this.rule.cancel !== 'too-late') this.fail(error);
    }
  }

  note(text: string): void {
    this.emit({ type: 'note', text });
  }

  /** The transfer does not go on. The first cause stands. */
  stop(cause: Cause): void {
    if (this.#cause !== undefined) return;
    this.#cause = cause;
    this.#stop.abort(cause.error);
  }

  /** It does not go on because something failed at this end. */
  fail(thrown: unknown): void {
    this.stop({ outcome: 'failed', error: asFerryError(thrown), from: 'here' });
  }

  /** Talk with the peer over `stream`, which belongs to the course from now on. */
  talk(stream: Duplex, oneWay?: 'write' | 'read'): void {
    const { keepAliveMs, silenceMs } = this.timings;
    this.link = new ControlLink(stream, {
      peer: this.#peer,
      keepAliveMs,
      silenceMs,
      ...(oneWay === undefined ? {} : { oneWay }),
      hear: (message) => this.#hear(message),
      failed: (error) => this.fail(error),
    });
  }

  say(message: Message): void {
    this.link?.send(message);
  }

  /** Wait for a message of one of `kinds`; anything else from the peer ends the transfer. `what` is waited for, for people. */
  async next<K extends MessageKind>(what: string, ms: number, ...kinds: readonly K[]): Promise<MessageOf<K>> {
    const message = await this.link!.next(what, ms, this.signal);
    const expected = kinds.find((kind) => kind === message.kind && this.rule.hears.includes(kind));
    if (expected === undefined) throw this.#unexpected(message, kinds);
    return message as MessageOf<K>;
  }

  [Symbol.dispose](): void {
    this.#wish?.removeEventListener('abort', this.#cancel);
  }

  readonly #cancel = () => {
    if (this.rule.cancel === 'too-late') return;
    const error = new TransferError('ERR_CANCELLED', `Cancelled in phase ${this.phase}`);
    this.stop({ outcome: 'cancelled', error, from: 'here' });
  };

  #hear(message: Message): boolean {
    if (message.kind === 'keep-alive' || this.rule.hears.length === 0) return true;
    if (message.kind === 'cancel') {
      const error = new TransferError('ERR_CANCELLED', `${this.#peer} cancelled: ${message.why}`);
      this.stop({ outcome: 'cancelled', error, from: 'peer' });
      return true;
    }
    if (message.kind === 'failed') {
      const error = new PeerError(message.code, `${this.#peer} failed: ${message.why}`);
      this.stop({ outcome: 'failed', error, from: 'peer' });
      return true;
    }
    if (!isNotice(message)) return false;
    try {
      if (!this.rule.hears.includes(message.kind)) throw this.#unexpected(message, this.rule.hears);
      this.onNotice(message);
    } catch (error) {
      this.fail(error);
    }
    return true;
  }

  #unexpected({ kind }: Message, kinds: readonly MessageKind[]): TransferError {
    return new TransferError(
      'ERR_TRANSFER_ORDER',
      `${this.#peer} said ${kind} in phase ${this.phase}, expected ${kinds.join(' or ') || 'nothing'}`,
    );
  }
}

function isNotice(message: Message): message is Notice {
  return NOTICES.includes(message.kind);
}

/** Whatever was thrown, as an error with a code: what nobody foresaw is named by its place. */
export function asFerryError(thrown: unknown): FerryError {
  if (thrown instanceof FerryError) return thrown;
  const error = asError(thrown);
  return new FerryError('ERR_UNEXPECTED', error.message, { cause: error });
}
