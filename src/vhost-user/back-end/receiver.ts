import { closeAll, type Fd, receiveMessage, WOULD_BLOCK } from '../../sys/index.ts';
import { HeaderFlag } from '../constants.ts';
import { FramingError } from '../errors.ts';
import { MAX_MESSAGE_FDS, MAX_PAYLOAD } from '../limits.ts';
import { HEADER_SIZE, header } from '../payloads.ts';
import type { Request } from './request.ts';

/**
 * Cuts what arrives on a socket into requests, however it is split up. Descriptors count for the request during whose
 * bytes they arrive, whichever read brings them.
 */
export class Receiver implements Disposable {
  readonly #socket: Fd;
  readonly #head = new Uint8Array(HEADER_SIZE);
  readonly #payload = new Uint8Array(MAX_PAYLOAD);
  readonly #fds: Fd[] = [];
  #excessFds = 0;
  /** Bytes of the current request that are there, its header included. */
  #got = 0;
  #request: { request: number; flags: number; size: number } | undefined;

  constructor(socket: Fd) {
    this.#socket = socket;
  }

  /**
   * The next request; undefined while not all of it has arrived; `end` when the peer has hung up between two requests.
   * Throws `FramingError` where the bytes cannot be cut into requests any more.
   */
  receive(): Request | 'end' | undefined {
    if (this.#request === undefined) {
      const state = this.#read(this.#head, this.#got);
      if (state !== 'whole') return state;
      this.#request = checkHeader(header.decode(this.#head));
    }
    const { request: id, flags, size } = this.#request;
    const payload = this.#payload.subarray(0, size);
    const state = this.#read(payload, this.#got - HEADER_SIZE);
    if (state !== 'whole') return state;
    const request = { id, flags, payload, fds: this.#fds.splice(0), excessFds: this.#excessFds };
    this.#request = undefined;
    this.#got = 0;
    this.#excessFds = 0;
    return request;
  }

  [Symbol.dispose](): void {
    closeAll(this.#fds);
  }

  /** Fill `into` from `at` on. */
  #read(into: Uint8Array, at: number): 'whole' | 'end' | undefined {
    let filled = at;
    while (filled < into.length) {
      const count = receiveMessage(this.#socket, into.subarray(filled), this.#fds, { dontWait: true });
      this.#limitFds();
      if (count === WOULD_BLOCK) return undefined;
      if (count === 0) {
        if (this.#got === 0) return 'end';
        throw new FramingError('ERR_CUT_OFF', `The front end hung up after ${this.#got} bytes of a request`);
      }
      filled += count;
      this.#got += count;
    }
    return 'whole';
  }

  #limitFds(): void {
    if (this.#fds.length <= MAX_MESSAGE_FDS) return;
    const excess = this.#fds.splice(MAX_MESSAGE_FDS);
    this.#excessFds += excess.length;
    closeAll(excess);
  }
}

/** `u32 request, u32 flags, u32 size`: only what framing rests on is checked here. */
function checkHeader<H extends { flags: number; size: number }>(head: H): H {
  const version = head.flags & HeaderFlag.VERSION_MASK;
  if (version !== HeaderFlag.VERSION)
    throw new FramingError(
      'ERR_VERSION',
      `A request of protocol version ${version}, expected ${HeaderFlag.VERSION}`,
    );
  if (head.size > MAX_PAYLOAD)
    throw new FramingError(
      'ERR_TOO_LONG',
      `A request with ${head.size} bytes of payload, at most ${MAX_PAYLOAD}`,
    );
  return head;
}
