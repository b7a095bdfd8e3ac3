import type { Duplex } from 'node:stream';
import { asError, DecodeError } from '../../../errors.ts';
import { TransferError } from '../errors.ts';
import { MAX_UNREAD, MAX_UNSENT } from '../limits.ts';
import { within } from '../wait.ts';
import { encodeMessage, MessageDecoder } from './codec.ts';
import type { Message } from './messages.ts';

export interface LinkOptions {
  /** Whom messages come from, for people. */
  readonly peer: string;
  readonly keepAliveMs: number;
  readonly silenceMs: number;
  /** Only messages of one direction go over the stream: it is a file. Nothing is sent to a reader, and nobody is missed. */
  readonly oneWay?: 'write' | 'read';
  /** Hears each message as it arrives; true where that was all there is to it. Others wait for `next`. */
  readonly hear: (message: Message) => boolean;
  /** Hears once why no more messages will come or go, unless the link was told that it may end. */
  readonly failed: (error: Error) => void;
}

/** Messages over the main connection, in order, with signs of life. The stream belongs to the link. */
export class ControlLink {
  readonly #stream: Duplex;
  readonly #options: LinkOptions;
  readonly #decoder = new MessageDecoder();
  readonly #unread: Message[] = [];
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #gone = Promise.withResolvers<void>();
  #arrived = Promise.withResolvers<void>();
  #heardAt = performance.now();
  #tickedAt = performance.now();
  #quiet = true;
  #mayEnd = false;
  #failure: Error | undefined;

  constructor(stream: Duplex, options: LinkOptions) {
    this.#stream = stream;
    this.#options = options;
    stream.on('data', (chunk: Uint8Array) => this.#read(chunk));
    stream.on('end', () => this.#end());
    stream.on('error', (cause) => {
      const why = `The main connection to ${options.peer} broke: ${asError(cause).message}`;
      this.#fail(new TransferError('ERR_PEER_GONE', why, { cause }));
    });
    stream.on('close', () => this.#end());
    if (options.oneWay === undefined) this.#timer = setInterval(() => this.#tick(), options.keepAliveMs);
  }

  /**
   * Say something. Never blocks; a peer that lets too much pile up ends the link. Why nothing more is listened to can still
   * be said.
   */
  send(message: Message): void {
    if (this.#options.oneWay === 'read' || !this.#stream.writable) return;
    this.#quiet = false;
    this.#stream.write(encodeMessage(message));
    if (this.#stream.writableLength > MAX_UNSENT)
      this.#fail(
        new TransferError(
          'ERR_PEER_SILENT',
          `${this.#options.peer} takes nothing: ${this.#stream.writableLength} bytes wait for it`,
        ),
      );
  }

  /** Resolves when what was said is on its way, or will never be: what can wait, waits for that. */
  async flushed(): Promise<void> {
    if (!this.#stream.writable || this.#stream.writableLength === 0) return;
    await new Promise<void>((resolve) => void this.#stream.write('', () => resolve()));
  }

  /** The oldest message that `hear` left. Rejects where there is none within `ms`; `what` names it for that. */
  async next(what: string, ms: number, signal: AbortSignal): Promise<Message> {
    for (;;) {
      const message = this.#unread.shift();
      if (message !== undefined) {
        if (this.#unread.length === 0) this.#stream.resume();
        return message;
      }
      if (this.#failure !== undefined) throw this.#failure;
      this.#arrived = Promise.withResolvers();
      await within(this.#arrived.promise, { what, ms, signal });
    }
  }

  /** From now on the peer may end the connection. */
  mayEnd(): void {
    this.#mayEnd = true;
  }

  /**
   * Let what was said arrive, then close. Waits for the peer to close as well, since closing before everything was read would
   * take from it what was said last; not longer than `ms`.
   */
  async close(ms: number): Promise<void> {
    this.#mayEnd = true;
    clearInterval(this.#timer);
    const stream = this.#stream;
    stream.resume();
    stream.end();
    try {
      await within(this.#gone.promise, { what: 'The end of the main connection', ms });
    } catch (_late) {
      // Closed from here then: the peer had its time
    } finally {
      stream.destroy();
    }
  }

  #read(chunk: Uint8Array): void {
    this.#heardAt = performance.now();
    if (this.#failure !== undefined) return;
    try {
      for (const message of this.#decoder.push(chunk)) this.#take(message);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#fail(error);
    }
  }

  #take(message: Message): void {
    if (this.#options.hear(message)) return;
    this.#unread.push(message);
    this.#arrived.resolve();
    if (this.#unread.length < MAX_UNREAD) return;
    if (this.#options.oneWay === 'read') this.#stream.pause();
    else
      this.#fail(
        new TransferError('ERR_TRANSFER_ORDER', `${this.#options.peer} said ${MAX_UNREAD} things unasked`),
      );
  }

  #tick(): void {
    const now = performance.now();
    const { keepAliveMs, silenceMs, peer } = this.#options;
    // This process itself stood still: what the peer said meanwhile has not been read yet
    if (now - this.#tickedAt > 2 * keepAliveMs) this.#heardAt = now;
    this.#tickedAt = now;
    if (this.#quiet) this.send({ kind: 'keep-alive' });
    this.#quiet = true;
    if (now - this.#heardAt > silenceMs)
      this.#fail(new TransferError('ERR_PEER_SILENT', `${peer} was silent for ${silenceMs} ms`));
  }

  #end(): void {
    this.#gone.resolve();
    if (this.#mayEnd || this.#options.oneWay === 'write') return;
    const { peer, oneWay } = this.#options;
    const { atBoundary } = this.#decoder;
    const where = atBoundary ? '' : ' in the middle of a message';
    const error = new TransferError('ERR_PEER_GONE', `${peer} ended the main connection${where}`);
    if (oneWay === 'read' && atBoundary) this.#runOut(error);
    else this.#fail(error);
  }

  /** A file is read ahead of what is done with it: its end is an error only for whoever waits for more. */
  #runOut(error: Error): void {
    this.#failure ??= error;
    this.#arrived.resolve();
  }

  #fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    clearInterval(this.#timer);
    this.#arrived.resolve();
    if (!this.#mayEnd) this.#options.failed(error);
  }
}
