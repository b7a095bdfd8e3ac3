import { type Fd, sendMessage, WOULD_BLOCK } from '../../sys/index.ts';
import { HEADER_SIZE, header } from '../payloads.ts';

/**
 * Sends messages on a non-blocking socket. What the peer does not take at once is kept, and sent by `flush`; whoever
 * uses it handles no further request until then, so at most one message is ever kept.
 */
export class Outbox implements Disposable {
  readonly #socket: Fd;
  #left: Uint8Array | undefined;
  #fd: Fd | undefined;

  constructor(socket: Fd) {
    this.#socket = socket;
  }

  /** Whether a message is waiting to be sent. */
  get pending(): boolean {
    return this.#left !== undefined;
  }

  /** Send a message, with `fd` if there is one: it is closed here afterwards. Throws where the peer is gone. */
  send(request: number, flags: number, payload: Uint8Array, fd?: Fd): void {
    const message = new Uint8Array(HEADER_SIZE + payload.length);
    header.encodeInto({ request, flags, size: payload.length }, message);
    message.set(payload, HEADER_SIZE);
    this.#left = message;
    this.#fd = fd;
    this.flush();
  }

  /** Send what is waiting, as far as the peer takes it. */
  flush(): void {
    while (this.#left !== undefined) {
      const fds = this.#fd === undefined ? [] : [this.#fd.number];
      const count = sendMessage(this.#socket, this.#left, fds, { dontWait: true });
      if (count === WOULD_BLOCK) return;
      this.#fd?.[Symbol.dispose]();
      this.#fd = undefined;
      this.#left = count === this.#left.length ? undefined : this.#left.subarray(count);
    }
  }

  [Symbol.dispose](): void {
    this.#fd?.[Symbol.dispose]();
    this.#fd = undefined;
    this.#left = undefined;
  }
}
