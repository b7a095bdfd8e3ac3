import type { Duplex } from 'node:stream';
import { DeadlineError } from '../errors.ts';
import { Chunks } from './chunks.ts';
import type { CommandName } from './commands.ts';
import { StreamError } from './errors.ts';
import type { StreamEvent } from './events.ts';
import { STREAM_TIMINGS, type StreamLimits, type StreamTimings } from './limits.ts';
import { MainStream } from './main-stream.ts';
import { encodeReturnMessage, type ReturnMessage } from './return-path.ts';

export interface IncomingOptions {
  readonly limits?: Partial<StreamLimits>;
  readonly timings?: Partial<StreamTimings>;
  readonly signal?: AbortSignal;
}

/**
 * The destination's side of one main connection: reads the stream, and answers on the return path where the source opened
 * one. The connection stays its caller's.
 */
export class IncomingStream {
  readonly #connection: Duplex;
  readonly #chunks: Chunks;
  readonly #stream: MainStream;
  readonly #timings: StreamTimings;
  readonly #signal: AbortSignal | undefined;
  #returnPath = false;
  #shut = false;

  constructor(connection: Duplex, { limits, timings, signal }: IncomingOptions = {}) {
    this.#connection = connection;
    this.#chunks = new Chunks(connection);
    this.#stream = new MainStream(limits);
    this.#timings = { ...STREAM_TIMINGS, ...timings };
    this.#signal = signal;
  }

  /** Bytes of the stream read so far. */
  get bytes(): number {
    return this.#stream.offset;
  }

  /** Whether the source listens to what the destination says. */
  get hasReturnPath(): boolean {
    return this.#returnPath;
  }

  /**
   * All events of the stream, each as it was read: nothing further is read before the next one is asked for. A PING has been
   * answered when its event comes. Whoever gets `devices` has everything, and says so by `shut(0)`; the events end when
   * the source has closed the connection. Throws `StreamError`, `DeadlineError` or the signal's reason.
   */
  async *events(): AsyncGenerator<StreamEvent, void, void> {
    const stream = this.#stream;
    for (;;) {
      for (let event = stream.next(); event !== undefined; event = stream.next()) {
        if (event.type === 'command') await this.#obey(event.name, event.data);
        yield event;
      }
      const { within, finished } = stream;
      const milliseconds = within || finished ? this.#timings.stall : this.#timings.idle;
      const what = `${finished ? 'The end of' : 'The next byte of'} QEMU's main stream (byte ${stream.offset})`;
      const chunk = await this.#next(milliseconds, what);
      if (chunk !== undefined) {
        stream.feed(chunk);
        continue;
      }
      stream.end();
      // What is missing throws here
      stream.next();
      return;
    }
  }

  /**
   * Tell the source that the destination is ready for the switchover: one of a machine type up to 11.0 that has `switchover-ack`
   * on goes on copying RAM until it hears that. Later ones fail when they did not ask. Rejects as `shut` does.
   */
  async acknowledgeSwitchover(): Promise<void> {
    await this.#say({ type: 'SWITCHOVER_ACK' });
  }

  /**
   * Tell the source how it ended: 0 where everything has arrived, 1 where it has not. The second time, or without a return
   * path, nothing is sent. Rejects with `ERR_QEMU_RETURN_PATH` or `DeadlineError` when the source could not be told.
   */
  async shut(error: 0 | 1): Promise<void> {
    if (this.#shut) return;
    this.#shut = true;
    await this.#say({ type: 'SHUT', error });
  }

  async #next(milliseconds: number, what: string): Promise<Uint8Array | undefined> {
    try {
      return await this.#chunks.next(milliseconds, what, this.#signal);
    } catch (error) {
      if (error instanceof DeadlineError && this.#stream.doubt !== undefined) throw this.#stream.doubt;
      throw error;
    }
  }

  async #obey(name: CommandName, data: Uint8Array): Promise<void> {
    if (name === 'OPEN_RETURN_PATH') this.#returnPath = true;
    if (name !== 'PING') return;
    if (!this.#returnPath)
      throw new StreamError('ERR_QEMU_COMMAND', 'PING', 'comes before a return path is open', this.bytes);
    await this.#say({ type: 'PONG', value: Buffer.from(data).readUInt32BE() });
  }

  /** Resolves when the message has left this process, so that a source that does not listen cannot fill its memory. */
  async #say(message: ReturnMessage): Promise<void> {
    if (!this.#returnPath) return;
    const { stall } = this.#timings;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const late = new DeadlineError(`The end of sending ${message.type} on the return path`, stall);
    const timer = setTimeout(() => reject(late), stall);
    this.#connection.write(encodeReturnMessage(message), (error) => {
      if (error === null || error === undefined) resolve();
      else
        reject(new StreamError('ERR_QEMU_RETURN_PATH', message.type, `could not be sent: ${error.message}`));
    });
    try {
      await promise;
    } finally {
      clearTimeout(timer);
    }
  }
}
