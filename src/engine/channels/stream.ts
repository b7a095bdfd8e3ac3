import { Errno, type Vectors } from '../../sys/index.ts';
import type { ChannelControl } from './control.ts';
import { ChannelAborted, ChannelError } from './errors.ts';
import { openTransport, type Transport, type TransportStart } from './transport.ts';

/** What a channel moves its bytes over. Plain data: it travels to the channel's thread. */
export interface StreamStart {
  /** Its calls come back after `packetMs` at the latest. */
  readonly transport: TransportStart;
  /** Milliseconds that a packet may take. */
  readonly packetMs: number;
  /** Milliseconds until the next packet begins. */
  readonly idleMs: number;
}

/** The blocking side of one connection: whole packets to and from mapped memory. */
export class ChannelStream implements Disposable {
  /** Bytes moved so far. */
  position = 0;
  readonly #start: StreamStart;
  readonly #transport: Transport;
  readonly #id: number;
  readonly #control: ChannelControl;

  constructor(start: StreamStart, id: number, control: ChannelControl) {
    this.#start = start;
    this.#transport = openTransport(start.transport);
    this.#id = id;
    this.#control = control;
  }

  /** Write all of `vectors`. Throws `ERR_CHANNEL_STALLED`, `ERR_CHANNEL_CLOSED` and `ERR_CHANNEL_IO`. */
  write(vectors: Vectors): void {
    let begun = 0;
    while (vectors.left > 0) {
      const count = this.#transport.write(vectors);
      if (count > 0) this.position += count;
      if (vectors.left > 0) begun = this.#goOn(count, begun, vectors.left);
    }
  }

  /** Read until `vectors` are full: an end before that is inside a packet. Throws as `write` does, and `ERR_CHANNEL_CUT`. */
  read(vectors: Vectors): void {
    let begun = 0;
    while (vectors.left > 0) {
      const count = this.#receive(vectors);
      if (count === 0) throw this.#cut(vectors.left);
      if (vectors.left > 0) begun = this.#goOn(count, begun, vectors.left);
    }
  }

  /**
   * Read the first bytes of a packet: all of `vectors`. Waits for the first of them as long as a channel may be idle. Returns
   * false at the orderly end of the stream.
   */
  readFirst(vectors: Vectors): boolean {
    const whole = vectors.left;
    const { idleMs } = this.#start;
    const begun = performance.now();
    for (;;) {
      const count = this.#receive(vectors);
      if (count === 0) {
        this.#checkAborted();
        return false;
      }
      if (vectors.left < whole) break;
      this.#goOn(count === -Errno.EAGAIN ? -Errno.EINTR : count, 0, whole);
      // A signal ends a call early, any number of times
      if (performance.now() - begun >= idleMs)
        throw this.error('ERR_CHANNEL_IDLE', `nothing came for ${idleMs} ms, where a packet could begin`);
    }
    this.read(vectors);
    return true;
  }

  /** Say that nothing more will be written; a file is on its storage then. */
  end(): void {
    const result = this.#transport.end();
    if (result < 0) throw this.#failed(result);
  }

  /** An error of this channel at its present place. */
  error(code: string, what: string, cause?: unknown): ChannelError {
    return new ChannelError(code, `Channel ${this.#id}, byte ${this.position}: ${what}`, { cause });
  }

  [Symbol.dispose](): void {
    this.#transport[Symbol.dispose]();
  }

  #receive(vectors: Vectors): number {
    const count = this.#transport.read(vectors);
    if (count > 0) this.position += count;
    return count;
  }

  /** After a call that did not move everything: whether to make another. Returns when the first one was. */
  #goOn(count: number, begun: number, left: number): number {
    this.#checkAborted();
    const { packetMs } = this.#start;
    const now = performance.now();
    if (count === -Errno.EAGAIN || (begun > 0 && now - begun > packetMs))
      throw this.error(
        'ERR_CHANNEL_STALLED',
        `the peer did not go on within ${packetMs} ms, ${left} bytes before the end of what was under way`,
      );
    if (count < 0 && count !== -Errno.EINTR)
      throw this.#failed(count, `, ${left} bytes before the end of what was under way`);
    return begun === 0 ? now : begun;
  }

  #failed(result: number, where = ''): ChannelError {
    const what = this.#transport.describe(-result);
    if (result === -Errno.EPROTO) return this.error('ERR_TLS', `${what}${where}`);
    if (result !== -Errno.EPIPE && result !== -Errno.ECONNRESET)
      return this.error('ERR_CHANNEL_IO', `the transfer failed with ${what}${where}`);
    return this.error('ERR_CHANNEL_CLOSED', `the peer has closed the connection (${what})${where}`);
  }

  #cut(left: number): ChannelError | ChannelAborted {
    this.#checkAborted();
    return this.error('ERR_CHANNEL_CUT', `the stream ends inside a packet, ${left} bytes too early`);
  }

  #checkAborted(): void {
    if (this.#control.isAborted(this.#id)) throw new ChannelAborted();
  }
}
