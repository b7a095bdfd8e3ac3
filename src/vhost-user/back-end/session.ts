import { FerryError } from '../../errors.ts';
import { closeAll, type Fd, Poll, signalEventfd } from '../../sys/index.ts';
import type { BackEnd, Ring, Session } from '../backend.ts';
import {
  DeviceStateReply,
  FrontEndRequest,
  HeaderFlag,
  ProtocolFeature,
  requestName,
  VirtioFeature,
} from '../constants.ts';
import { RequestError } from '../errors.ts';
import { REQUESTS_AT_ONCE } from '../limits.ts';
import { u64Payload } from '../payloads.ts';
import { Context } from './context.ts';
import { HANDLERS } from './handlers.ts';
import { Outbox } from './outbox.ts';
import { Receiver } from './receiver.ts';
import type { Answer, Request } from './request.ts';
import { REQUEST_RULES, type RequestRule, SERVED_PROTOCOL_FEATURES } from './rules.ts';

const KNOWN_FLAGS = HeaderFlag.VERSION_MASK | HeaderFlag.NEED_REPLY;
const REPLY_FLAGS = HeaderFlag.VERSION | HeaderFlag.REPLY;

export interface BackEndSessionOptions {
  /** Hears of every request that was refused, and why. */
  readonly refused?: (request: string, error: FerryError) => void;
  /** Hears of what is odd, but no reason to refuse. */
  readonly warn?: (message: string) => void;
}

/**
 * One front end's connection to a back end: receives requests, checks them, drives the `BackEnd` and answers. Driven
 * by a poll loop, never blocks: wait for `events` on `number`, then call `onReady`. A request that cannot be served is
 * refused and the session goes on; only when requests can no longer be told apart, or the front end hangs up, is it
 * `closed`. Disposing of it releases every descriptor and mapping that the front end gave.
 */
export class BackEndSession implements Session, Disposable {
  readonly #socket: Fd;
  readonly #context: Context;
  readonly #receiver: Receiver;
  readonly #outbox: Outbox;
  readonly #refused: (request: string, error: FerryError) => void;
  #closed = false;
  #closeReason: FerryError | undefined;
  #configChanged = false;

  /** Takes over `socket`. */
  constructor(socket: Fd, backEnd: BackEnd, options: BackEndSessionOptions = {}) {
    const { features, protocolFeatures } = backEnd.profile;
    if (
      (protocolFeatures & ~SERVED_PROTOCOL_FEATURES) !== 0n ||
      (features & VirtioFeature.PROTOCOL_FEATURES) === 0n
    )
      throw new RangeError('The profile offers protocol features that a session does not serve');
    socket.setNonBlocking(true);
    this.#socket = socket;
    this.#refused = options.refused ?? (() => undefined);
    this.#context = new Context(this, backEnd, options.warn ?? (() => undefined));
    this.#receiver = new Receiver(socket);
    this.#outbox = new Outbox(socket);
  }

  get rings(): readonly Ring[] {
    return this.#context.rings;
  }

  get features(): bigint {
    return this.#context.features;
  }

  get protocolFeatures(): bigint {
    return this.#context.protocolFeatures;
  }

  /** The socket's number, to poll; -1 once the session is closed. */
  get number(): number {
    return this.#closed ? -1 : this.#socket.number;
  }

  /** The `Poll` bits to wait for. While an answer waits to be sent no further request is read. */
  get events(): number {
    return this.#outbox.pending ? Poll.out : Poll.in;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Why the session was closed; undefined where the front end hung up in good order. */
  get closeReason(): FerryError | undefined {
    return this.#closeReason;
  }

  /** Send what waits to be sent, then receive and serve the requests that have arrived. Never throws for a peer's fault. */
  onReady(): void {
    try {
      this.#outbox.flush();
      for (let turn = 0; turn < REQUESTS_AT_ONCE && !this.#closed && !this.#outbox.pending; turn++) {
        const request = this.#receiver.receive();
        if (request === undefined) return;
        if (request === 'end') {
          this.#close(undefined);
          return;
        }
        this.#serve(request);
        if (this.#context.backEnd.wantsTurn === true) return;
      }
    } catch (error) {
      if (!(error instanceof FerryError)) throw error;
      this.#close(error);
    }
  }

  notify(ring: Ring): void {
    const { call } = this.#context.ring(ring.index);
    if (call !== undefined) signalEventfd(call.number);
  }

  reportBroken(ring: Ring): void {
    const { error } = this.#context.ring(ring.index);
    if (error !== undefined) signalEventfd(error.number);
  }

  get owesConfigChange(): boolean {
    return this.#configChanged;
  }

  announceConfigChange(): void {
    this.#configChanged = true;
    this.#announce();
  }

  /** Close the connection, as if the front end had hung up. */
  [Symbol.dispose](): void {
    this.#close(undefined);
  }

  #serve(request: Request): void {
    const rule = REQUEST_RULES.get(request.id);
    let answer: Answer | undefined;
    try {
      answer = this.#handle(request, rule);
    } catch (error) {
      if (!(error instanceof FerryError)) throw error;
      this.#refuse(request, rule, error);
      return;
    } finally {
      closeAll(request.fds);
    }
    if (answer !== undefined) this.#outbox.send(request.id, REPLY_FLAGS, answer.payload, answer.fd);
    else if (this.#wantsAcknowledgement(request)) this.#sendU64(request.id, 0n);
    this.#announce();
  }

  #handle(request: Request, rule: RequestRule | undefined): Answer | undefined {
    if ((request.flags & ~KNOWN_FLAGS) !== 0)
      throw new RequestError('ERR_FLAGS', `Flags 0x${request.flags.toString(16)}, expected 0x1 or 0x9`);
    if (rule === undefined) throw new RequestError('ERR_UNKNOWN_REQUEST', 'There is no such request');
    checkForm(request, rule);
    const { needs } = rule;
    if (needs !== undefined && (this.protocolFeatures & ProtocolFeature[needs]) === 0n)
      throw new RequestError('ERR_NOT_NEGOTIATED', `Protocol feature ${needs} has not been negotiated`);
    const handler = HANDLERS.get(rule.id);
    if (handler === undefined) throw new RequestError('ERR_NOT_SERVED', 'This back end has no use for it');
    if (rule.claims) this.#context.backEnd.claim(this);
    return handler(this.#context, request);
  }

  #refuse(request: Request, rule: RequestRule | undefined, error: FerryError): void {
    this.#refused(requestName(request.id), error);
    if (rule?.replies === true) this.#outbox.send(request.id, REPLY_FLAGS, refusal(rule.id));
    else if (this.#wantsAcknowledgement(request)) this.#sendU64(request.id, 1n);
  }

  #wantsAcknowledgement({ flags }: Request): boolean {
    return (
      (flags & HeaderFlag.NEED_REPLY) !== 0 && (this.protocolFeatures & ProtocolFeature.REPLY_ACK) !== 0n
    );
  }

  #sendU64(request: number, value: bigint): void {
    this.#outbox.send(request, REPLY_FLAGS, u64Payload.encode({ value }));
  }

  /** A suspended device says nothing to the front end: the news waits until a ring runs. */
  #announce(): void {
    const { requests, anyStarted } = this.#context;
    if (!this.#configChanged || requests === undefined || !anyStarted) return;
    try {
      this.#configChanged = !requests.configChanged();
    } catch (error) {
      if (!(error instanceof FerryError)) throw error;
      this.#context.warn(`The front end takes no more requests: ${error.message}`);
      requests[Symbol.dispose]();
      this.#context.requests = undefined;
    }
  }

  #close(reason: FerryError | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#closeReason = reason;
    this.#context.backEnd.disconnected(this);
    this.#context[Symbol.dispose]();
    this.#receiver[Symbol.dispose]();
    this.#outbox[Symbol.dispose]();
    this.#socket[Symbol.dispose]();
  }
}

function checkForm({ payload, fds, excessFds }: Request, rule: RequestRule): void {
  const [leastFds, mostFds] = rule.fds;
  const fdCount = fds.length + excessFds;
  if (fdCount < leastFds || fdCount > mostFds)
    throw new RequestError('ERR_FD_COUNT', `${fdCount} descriptors, expected ${range(rule.fds)}`);
  const [leastBytes, mostBytes] = rule.payload;
  if (payload.length < leastBytes || payload.length > mostBytes)
    throw new RequestError(
      'ERR_PAYLOAD_SIZE',
      `${payload.length} bytes of payload, expected ${range(rule.payload)}`,
    );
}

function range([least, most]: readonly [number, number]): string {
  return least === most ? `${least}` : `${least} to ${most}`;
}

/** Requests whose reply is a u64 that says whether they have succeeded. */
const VERDICTS: ReadonlySet<number> = new Set([
  FrontEndRequest.SET_LOG_BASE,
  FrontEndRequest.IOTLB_MSG,
  FrontEndRequest.POSTCOPY_END,
  FrontEndRequest.CHECK_DEVICE_STATE,
]);

/**
 * What a refused request with a reply of its own is answered with: where the reply is a verdict, a bad one; else
 * nothing at all, which no front end takes for the answer it wanted.
 */
function refusal(request: number): Uint8Array {
  if (request === FrontEndRequest.SET_DEVICE_STATE_FD)
    return u64Payload.encode({ value: DeviceStateReply.NO_FD | 1n });
  return VERDICTS.has(request) ? u64Payload.encode({ value: 1n }) : new Uint8Array(0);
}
