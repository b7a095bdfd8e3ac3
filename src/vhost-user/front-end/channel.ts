import { DeadlineError, DecodeError, FerryError, SystemError } from '../../errors.ts';
import {
  closeAll,
  Errno,
  type Fd,
  Poll,
  PollSet,
  receiveMessage,
  sendMessage,
  WOULD_BLOCK,
} from '../../sys/index.ts';
import { HeaderFlag, requestName } from '../constants.ts';
import { MAX_MESSAGE_FDS, MAX_PAYLOAD } from '../limits.ts';
import { HEADER_SIZE, header, u64Payload } from '../payloads.ts';
import { badReply, HangUpError, refused } from './errors.ts';

const REPLY_FLAGS = HeaderFlag.VERSION | HeaderFlag.REPLY;
const NOTHING = new Uint8Array(0);

/** A back end's answer. The descriptors belong to whoever asked. */
export interface Reply {
  readonly payload: Uint8Array;
  readonly fds: Fd[];
}

/** An open descriptor of this process, whoever owns it. */
export interface OpenFile {
  readonly number: number;
}

/** Something else to look after while waiting for an answer: a back end may wait for us in the meantime. */
export interface Aside {
  /** The descriptor's number, -1 for none. */
  readonly number: number;
  serve(): void;
}

/**
 * Requests and replies over one socket, one at a time, each with a deadline in milliseconds. It blocks the calling
 * thread: it is meant for a thread of its own, a test or a benchmark.
 */
export class Channel implements Disposable {
  readonly #socket: Fd;
  readonly #poll = new PollSet(2);
  readonly #deadline: number;
  /** Whether the back end acknowledges requests that have no reply of their own (REPLY_ACK). */
  acknowledges = false;
  /** Whether NEED_REPLY is set on requests that have a reply anyway, as libblkio and rust-vmm's front ends do. */
  alwaysNeedsReply = false;
  aside: Aside | undefined;
  /** The request that was acknowledged last, until another answer proves the acknowledgement. */
  #acknowledged: string | undefined;
  /** Requests since the last answer for which none is awaited. */
  readonly #unanswered: string[] = [];
  #broken: Error | undefined;

  /** Takes over `socket`. `deadline` bounds each wait for the back end. */
  constructor(socket: Fd, deadline: number) {
    this.#socket = socket;
    this.#deadline = deadline;
    socket.setNonBlocking(true);
  }

  /** The socket's number, to be watched for the back end's hanging up. */
  get number(): number {
    return this.#socket.number;
  }

  /** Send a request that has a reply, and wait for it. */
  ask(request: number, payload: Uint8Array = NOTHING, fds: readonly OpenFile[] = []): Reply {
    const needReply = this.alwaysNeedsReply && this.acknowledges ? HeaderFlag.NEED_REPLY : 0;
    this.#send(request, HeaderFlag.VERSION | needReply, payload, fds);
    // libvhost-user leaves the flag in what it answers
    return this.#receive(request, needReply);
  }

  /** `ask` for a reply whose payload has `size` bytes and no descriptor. */
  askFor(size: number, request: number, payload?: Uint8Array, fds?: readonly OpenFile[]): Uint8Array {
    const reply = this.ask(request, payload, fds);
    closeAll(reply.fds);
    if (reply.payload.length !== size)
      throw badReply(
        `reply to ${requestName(request)}`,
        `${reply.payload.length} bytes of payload, expected ${size}`,
      );
    return reply.payload;
  }

  /** `ask` for a reply of one u64 and no descriptor. */
  askU64(request: number, payload?: Uint8Array, fds?: readonly OpenFile[]): bigint {
    return u64Payload.decode(this.askFor(u64Payload.size, request, payload, fds)).value;
  }

  /**
   * Send a request that has no reply. Where the back end acknowledges, wait for it, and throw `ERR_REFUSED` when it
   * says no. Its yes is provisional: if the back end then hangs up, the error names the request (`HangUpError`).
   */
  tell(request: number, payload: Uint8Array = NOTHING, fds: readonly OpenFile[] = []): void {
    if (!this.acknowledges) {
      this.tellOnly(request, payload, fds);
      return;
    }
    this.#send(request, HeaderFlag.VERSION | HeaderFlag.NEED_REPLY, payload, fds);
    const reply = this.#receive(request);
    closeAll(reply.fds);
    if (reply.payload.length !== u64Payload.size)
      throw badReply(
        `acknowledgement of ${requestName(request)}`,
        `${reply.payload.length} bytes, expected ${u64Payload.size}`,
      );
    const { value } = u64Payload.decode(reply.payload);
    if (value !== 0n) throw refused(requestName(request), value);
    this.#acknowledged = requestName(request);
  }

  /** `tell` without asking for an acknowledgement, as front ends do for requests of which they await none. */
  tellOnly(request: number, payload: Uint8Array = NOTHING, fds: readonly OpenFile[] = []): void {
    this.#send(request, HeaderFlag.VERSION, payload, fds);
    this.#unanswered.push(requestName(request));
  }

  [Symbol.dispose](): void {
    this.#poll[Symbol.dispose]();
    this.#socket[Symbol.dispose]();
  }

  #send(request: number, flags: number, payload: Uint8Array, fds: readonly OpenFile[]): void {
    if (this.#broken !== undefined)
      throw new FerryError(
        'ERR_OUT_OF_STEP',
        `${requestName(request)} cannot be sent: requests and answers no longer match since an earlier failure; ` +
          'only a new connection helps',
        { cause: this.#broken },
      );
    const message = new Uint8Array(HEADER_SIZE + payload.length);
    header.encodeInto({ request, flags, size: payload.length }, message);
    message.set(payload, HEADER_SIZE);
    const numbers = fds.map((fd) => fd.number);
    const end = performance.now() + this.#deadline;
    this.#guarded(() => {
      let sent = 0;
      while (sent < message.length) {
        const rest = message.subarray(sent);
        const count = this.#connected(request, () =>
          sendMessage(this.#socket, rest, sent === 0 ? numbers : [], { dontWait: true }),
        );
        if (count === WOULD_BLOCK) this.#wait(Poll.out, end, `Sending ${requestName(request)}`);
        else sent += count;
      }
    });
  }

  /** `tolerated`: flags that the answer may have beside those that it must have. */
  #receive(request: number, tolerated = 0): Reply {
    const end = performance.now() + this.#deadline;
    const fds: Fd[] = [];
    try {
      const payload = this.#guarded(() => {
        const head = header.decode(this.#exactly(HEADER_SIZE, request, fds, end));
        this.#checkHeader(request, tolerated, head);
        const bytes = this.#exactly(head.size, request, fds, end);
        if (fds.length > MAX_MESSAGE_FDS)
          throw badReply("reply's descriptors", `${fds.length} of them, at most ${MAX_MESSAGE_FDS}`);
        return bytes;
      });
      this.#acknowledged = undefined;
      this.#unanswered.length = 0;
      return { payload, fds };
    } catch (error) {
      closeAll(fds);
      throw error;
    }
  }

  #checkHeader(
    asked: number,
    tolerated: number,
    { request, flags, size }: { request: number; flags: number; size: number },
  ): void {
    if (request !== asked)
      throw badReply(
        "reply's request",
        `${requestName(request)} answered, expected ${requestName(asked)}`,
        0,
      );
    if ((flags & ~tolerated) >>> 0 !== REPLY_FLAGS)
      throw badReply(
        "reply's flags",
        `0x${flags.toString(16)} for ${requestName(asked)}, expected 0x${REPLY_FLAGS.toString(16)}`,
        4,
      );
    if (size > MAX_PAYLOAD)
      throw badReply("reply's size", `${size} bytes for ${requestName(asked)}, at most ${MAX_PAYLOAD}`, 8);
  }

  #exactly(length: number, request: number, fds: Fd[], end: number): Uint8Array {
    const bytes = new Uint8Array(length);
    let got = 0;
    while (got < length) {
      const rest = bytes.subarray(got);
      const count = this.#connected(request, () =>
        receiveMessage(this.#socket, rest, fds, { dontWait: true }),
      );
      if (count === WOULD_BLOCK) this.#wait(Poll.in, end, `The answer to ${requestName(request)}`);
      else if (count === 0) throw this.#hungUp(request, true);
      else got += count;
    }
    return bytes;
  }

  #wait(events: number, end: number, what: string): void {
    const { aside } = this;
    for (;;) {
      const left = end - performance.now();
      if (left <= 0) throw new DeadlineError(what, this.#deadline);
      this.#poll.set(0, this.#socket.number, events);
      this.#poll.set(1, aside?.number ?? -1, Poll.in);
      this.#poll.wait(Math.ceil(left));
      if (this.#poll.ready(1) !== 0) aside?.serve();
      if (this.#poll.ready(0) !== 0) return;
    }
  }

  /** Run `exchange`; if it fails, what comes over the channel later can no longer be told apart. */
  #guarded<T>(exchange: () => T): T {
    try {
      return exchange();
    } catch (error) {
      // A back end that has gone sends nothing that could be mistaken, and says so again when asked
      if (error instanceof DeadlineError || error instanceof DecodeError) this.#broken = error;
      throw error;
    }
  }

  /** Call the kernel; a back end that has gone shows in several ways, depending on what it had left unread. */
  #connected(request: number, call: () => number): number {
    try {
      return call();
    } catch (error) {
      const gone: readonly number[] = [Errno.EPIPE, Errno.ECONNRESET];
      if (error instanceof SystemError && gone.includes(error.errno))
        throw this.#hungUp(request, false, error);
      throw error;
    }
  }

  /** `read`: whether the back end had read all it was sent before it hung up. */
  #hungUp(request: number, read: boolean, cause?: Error): HangUpError {
    const name = requestName(request);
    const acknowledged = this.#acknowledged;
    const unanswered =
      this.#unanswered.length === 0 ? '' : `; unanswered before it: ${this.#unanswered.join(', ')}`;
    if (read || acknowledged === undefined)
      return new HangUpError(
        name,
        `The back end hung up ${read ? `instead of answering ${name}` : `before it read ${name}`}${unanswered}`,
        { cause },
      );
    return new HangUpError(
      name,
      `The back end acknowledged ${acknowledged} and hung up before it read ${name}: the acknowledgement is void${unanswered}`,
      { cause, voidAcknowledgement: acknowledged },
    );
  }
}
