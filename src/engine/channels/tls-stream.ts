import { Duplex } from 'node:stream';
import { asError } from '../../errors.ts';
import { type Fd, Poll, shutdownSocket, type TlsSession, WOULD_BLOCK } from '../../sys/index.ts';
import { FOR_EVER, Wait } from './patience.ts';
import { type Watch, watch } from './readiness.ts';

/** Bytes that are read in one go. */
const READ_BYTES = 64 * 1024;

type Done = (error?: Error | null) => void;

/** A TLS session as a stream of the main thread: the main connection of a transfer, which carries little. */
export class TlsStream extends Duplex {
  readonly #session: TlsSession;
  readonly #fd: Fd;
  readonly #release: () => void;
  readonly #watch: Watch;
  readonly #stop = new AbortController();
  readonly #wait = new Wait({ signal: this.#stop.signal }, FOR_EVER);
  readonly #into = new Uint8Array(READ_BYTES);
  #wantsRead = false;
  #rest: Uint8Array | undefined;
  #written: Done | undefined;

  /** `release` gives back what is under it. */
  constructor(fd: Fd, session: TlsSession, release: () => void) {
    super({ allowHalfOpen: true });
    this.#fd = fd;
    this.#session = session;
    this.#release = release;
    this.#watch = watch(fd, Poll.in | Poll.out);
    this.#serve().catch((error: unknown) => this.destroy(asError(error)));
  }

  override _read(): void {
    this.#wantsRead = true;
    this.#go();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#rest = chunk;
    this.#written = done;
    this.#go();
  }

  override _final(done: Done): void {
    this.#session.bye();
    shutdownSocket(this.#fd, 'write');
    done();
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#stop.abort();
    this.#watch[Symbol.dispose]();
    this.#release();
    done(error);
  }

  /** Go on whenever something has happened to the socket. */
  async #serve(): Promise<void> {
    while (!this.destroyed) {
      await this.#watch.next('Something on the main connection', this.#wait);
      this.#go();
    }
  }

  #go(): void {
    if (this.destroyed) return;
    try {
      this.#send();
      this.#receive();
    } catch (error) {
      this.destroy(asError(error));
    }
  }

  #send(): void {
    while (this.#rest !== undefined) {
      const sent = this.#session.sendNow(this.#rest);
      if (sent === WOULD_BLOCK) return;
      this.#rest = sent < this.#rest.length ? this.#rest.subarray(sent) : undefined;
    }
    const written = this.#written;
    this.#written = undefined;
    written?.();
  }

  #receive(): void {
    while (this.#wantsRead) {
      const count = this.#session.receiveNow(this.#into);
      if (count === WOULD_BLOCK) return;
      this.#wantsRead = count > 0 && this.push(Buffer.from(this.#into.subarray(0, count)));
      if (count === 0) this.push(null);
    }
  }
}
