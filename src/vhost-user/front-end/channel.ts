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

const REPLY_FLAGS = HeaderFlag.VERSION | HeaderFlag.REPLY;

/** A back end's answer. The descriptors belong to whoever asked. */
export interface Reply {
  readonly payload: Uint8Array;
  readonly fds: Fd[];
}

/**
 * Requests and replies over one socket, one at a time, each with a deadline in milliseconds. It blocks the calling
 * thread: it is meant for a thread of its own, a test or a benchmark.
 */
export class Channel implements Disposable {
  readonly #socket: Fd;
  readonly #poll = new PollSet(1);
  readonly #deadline: number;
  /** Whether the back end acknowledges requests that have no reply of their own (REPLY_ACK). */
  acknowledges = false;

  /** Takes over `socket`. `deadline` bounds each wait for the back end. */
  constructor(socket: Fd, deadline: number) {
    this.#socket = socket;
    this.#deadline = deadline;
    socket.setNonBlocking(true);
  }

  /** Send a request that has a reply, and wait for it. */
  ask(request: number, payload: Uint8Array = new Uint8Array(0), fds: readonly Fd[] = []): Reply {
    this.#send(request, HeaderFlag.VERSION, payload, fds);
    return this.#receive(request);
  }

  /** `ask` for a reply of one u64 and no descriptor. */
  askU64(request: number, payload?: Uint8Array, fds?: readonly Fd[]): bigint {
    const reply = this.ask(request, payload, fds);
    closeAll(reply.fds);
    return decodeU64(request, reply.payload);
  }

  /**
   * Send a request that has no reply. Where the back end acknowledges, wait for it, and throw `ERR_REFUSED` when it
   * says no. An acknowledgement proves little: some back ends say yes and hang up.
   */
  tell(request: number, payload: Uint8Array = new Uint8Array(0), fds: readonly Fd[] = []): void {
    if (!this.acknowledges) {
      this.#send(request, HeaderFlag.VERSION, payload, fds);
      return;
    }
    this.#send(request, HeaderFlag.VERSION | HeaderFlag.NEED_REPLY, payload, fds);
    const reply = this.#receive(request);
    closeAll(reply.fds);
    const answer = decodeU64(request, reply.payload);
    if (answer !== 0n)
      throw new FerryError('ERR_REFUSED', `The back end refused ${requestName(request)} with ${answer}`);
  }

  /** `tell` without asking for an acknowledgement, as front ends do for requests of which they await none. */
  tellOnly(request: number, payload: Uint8Array = new Uint8Array(0), fds: readonly Fd[] = []): void {
    this.#send(request, HeaderFlag.VERSION, payload, fds);
  }

  [Symbol.dispose](): void {
    this.#poll[Symbol.dispose]();
    this.#socket[Symbol.dispose]();
  }

  #send(request: number, flags: number, payload: Uint8Array, fds: readonly Fd[]): void {
    const message = new Uint8Array(HEADER_SIZE + payload.length);
    header.encodeInto({ request, flags, size: payload.length }, message);
    message.set(payload, HEADER_SIZE);
    const end = performance.now() + this.#deadline;
    let sent = 0;
    while (sent < message.length) {
      const numbers = sent === 0 ? fds.map((fd) => fd.number) : [];
      const rest = message.subarray(sent);
      const count = connected(request, () => sendMessage(this.#socket, rest, numbers, { dontWait: true }));
      if (count === WOULD_BLOCK) this.#wait(Poll.out, end, `Sending ${requestName(request)}`);
      else sent += count;
    }
  }

  #receive(request: number): Reply {
    const end = performance.now() + this.#deadline;
    const fds: Fd[] = [];
    try {
      const head = header.decode(this.#exactly(HEADER_SIZE, request, fds, end));
      if (head.request !== request)
        throw replyError(
          'request',
          `${requestName(head.request)} answered, expected ${requestName(request)}`,
          0,
        );
      if (head.flags !== REPLY_FLAGS)
        throw replyError('flags', `0x${head.flags.toString(16)}, expected 0x${REPLY_FLAGS.toString(16)}`, 4);
      if (head.size > MAX_PAYLOAD) throw replyError('size', `${head.size} bytes, at most ${MAX_PAYLOAD}`, 8);
      if (fds.length > MAX_MESSAGE_FDS)
        throw replyError('descriptors', `${fds.length} of them, at most ${MAX_MESSAGE_FDS}`);
      return { payload: this.#exactly(head.size, request, fds, end), fds };
    } catch (error) {
      closeAll(fds);
      throw error;
    }
  }

  #exactly(length: number, request: number, fds: Fd[], end: number): Uint8Array {
    const bytes = new Uint8Array(length);
    let got = 0;
    while (got < length) {
      const rest = bytes.subarray(got);
      const count = connected(request, () => receiveMessage(this.#socket, rest, fds, { dontWait: true }));
      if (count === WOULD_BLOCK) this.#wait(Poll.in, end, `The answer to ${requestName(request)}`);
      else if (count === 0) throw hungUp(request);
      else got += count;
    }
    return bytes;
  }

  #wait(events: number, end: number, what: string): void {
    this.#poll.set(0, this.#socket.number, events);
    const left = end - performance.now();
    if (left <= 0 || (this.#poll.wait(Math.ceil(left)) === 0 && performance.now() >= end))
      throw new DeadlineError(what, this.#deadline);
  }
}

/** Call the kernel; a back end that has gone shows in several ways, depending on what it had left unread. */
function connected(request: number, call: () => number): number {
  try {
    return call();
  } catch (error) {
    const gone: readonly number[] = [Errno.EPIPE, Errno.ECONNRESET];
    if (error instanceof SystemError && gone.includes(error.errno)) throw hungUp(request, error);
    throw error;
  }
}

function hungUp(request: number, cause?: Error): FerryError {
  const message = `The back end hung up instead of answering ${requestName(request)}`;
  return new FerryError('ERR_DISCONNECTED', message, { cause });
}

function replyError(field: string, message: string, offset?: number): DecodeError {
  return new DecodeError('ERR_BAD_REPLY', `reply's ${field}`, message, offset);
}

function decodeU64(request: number, payload: Uint8Array): bigint {
  if (payload.length !== 8)
    throw replyError('payload', `${payload.length} bytes for ${requestName(request)}, expected 8`);
  return u64Payload.decode(payload).value;
}
