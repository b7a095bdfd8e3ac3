import { connect, type Socket } from 'node:net';
import { asError, DeadlineError } from '../errors.ts';
import type { MigrationDetails } from '../state/index.ts';
import { ControlError, RemoteError } from './errors.ts';
import { ANSWER } from './limits.ts';
import { Lines } from './lines.ts';
import { decodeAnswer, formatLine, isObject, parseLine, type RpcAnswer } from './messages.ts';
import { decodeMigration, decodeStatus, type StatusReport } from './report.ts';

export interface ControlOptions {
  readonly signal?: AbortSignal;
  /** Longest wait, in milliseconds; 10 000 if not given. */
  readonly deadline?: number;
}

interface Waiting {
  readonly resolve: (answer: RpcAnswer) => void;
  readonly reject: (error: Error) => void;
}

/** Where the control socket of the back end that listens at `socketPath` is, unless it was told otherwise. */
export function controlPath(socketPath: string): string {
  return `${socketPath}.ctl`;
}

/** Asks a served device about itself over its control socket. */
export class ControlClient implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #path: string;
  readonly #lines = new Lines();
  readonly #waiting = new Map<number, Waiting>();
  #failure: Error | undefined;
  #nextId = 1;

  private constructor(socket: Socket, path: string) {
    this.#socket = socket;
    this.#path = path;
    socket
      .on('data', (chunk) => this.#receive(Buffer.from(chunk)))
      .on('error', (error) => this.#fail(error))
      .on('close', () => this.#fail(new ControlError('ERR_CONTROL_CLOSED', `${path} was closed`)));
  }

  /** Connect to the control socket at `path`. Rejects with `ERR_CONTROL_CONNECT`. */
  static async connect(path: string, options: ControlOptions = {}): Promise<ControlClient> {
    const socket = connect(path);
    try {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      socket.once('connect', resolve).once('error', reject);
      await bounded(promise, `A connection to ${path}`, options);
      socket.off('error', reject);
      return new ControlClient(socket, path);
    } catch (cause) {
      socket.destroy();
      if (options.signal?.aborted === true) throw asError(options.signal.reason);
      throw new ControlError(
        'ERR_CONTROL_CONNECT',
        `No control socket at ${path}: ${asError(cause).message}`,
        {
          cause,
          retry: true,
        },
      );
    }
  }

  /** What the device says about itself. */
  async status(options?: ControlOptions): Promise<StatusReport> {
    return decodeStatus(await this.#call('status', {}, options));
  }

  /** Make a transfer of state fail, also one that only waits to be checked. Whether there was one. */
  async abortTransfer(reason: string, options?: ControlOptions): Promise<boolean> {
    return flag(await this.#call('abort-transfer', { reason }, options), 'aborted');
  }

  /** The guest was committed elsewhere in `epoch`: rings no longer start there. Rejects where they run. */
  async fence(epoch: number, options?: ControlOptions): Promise<void> {
    await this.#call('fence', { epoch }, options);
  }

  /** Rings may start again there. Whether they could not. */
  async release(options?: ControlOptions): Promise<boolean> {
    return flag(await this.#call('release', {}, options), 'released');
  }

  /** Have the device look how large what it stands for is by now, such as the image behind a disk. Bytes. */
  async resize(options?: ControlOptions): Promise<number> {
    const result = await this.#call('resize', {}, options);
    const bytes = isObject(result) ? result.bytes : undefined;
    if (typeof bytes !== 'number')
      throw new ControlError('ERR_CONTROL_MESSAGE', `The answer has ${JSON.stringify(bytes)} as its bytes`);
    return bytes;
  }

  /**
   * What the device says of migration compatibility: its document, narrowed to what this instance takes, and the
   * parameters in effect. Rejects with `ERR_PARAMETERS_NONE` where it has none.
   */
  async migrationInfo(options?: ControlOptions): Promise<MigrationDetails> {
    return decodeMigration(await this.#call('migration-info', {}, options));
  }

  /**
   * Set a parameter that may change while the device runs (`x-live`), such as `state-format`. Returns what is in effect
   * then. Rejects naming the parameter for any other, and while the device is frozen or transfers state.
   */
  async setParameter(name: string, value: string, options?: ControlOptions): Promise<MigrationDetails> {
    return decodeMigration(await this.#call('set-parameter', { name, value }, options));
  }

  /**
   * Have no parameter set for so many seconds, or until `thaw`: a move counts on what was found. Rejects with
   * `ERR_PARAMETERS_DIFFER` where others are in effect than those of `digest`.
   */
  async freeze(digest: string, seconds: number, options?: ControlOptions): Promise<void> {
    await this.#call('freeze', { digest, seconds }, options);
  }

  /** Parameters may be set again. Whether they could not. */
  async thaw(options?: ControlOptions): Promise<boolean> {
    return flag(await this.#call('thaw', {}, options), 'thawed');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (this.#socket.closed) resolve();
    else this.#socket.once('close', () => resolve());
    this.#socket.destroy();
    await promise;
  }

  async #call(method: string, params: object, options: ControlOptions = {}): Promise<unknown> {
    if (this.#failure !== undefined) throw this.#failure;
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<RpcAnswer>();
    this.#waiting.set(id, { resolve, reject });
    this.#socket.write(formatLine({ id, method, params }));
    try {
      const answer = await bounded(promise, `The answer of ${this.#path} to ${method}`, options);
      if ('error' in answer)
        throw new RemoteError(answer.error.data?.code ?? 'ERR_CONTROL_REFUSED', answer.error.message);
      return answer.result;
    } finally {
      this.#waiting.delete(id);
    }
  }

  #receive(chunk: Buffer): void {
    try {
      for (const line of this.#lines.push(chunk)) {
        const answer = decodeAnswer(parseLine(line));
        if (typeof answer.id === 'number') this.#waiting.get(answer.id)?.resolve(answer);
      }
    } catch (error) {
      this.#fail(asError(error));
      this.#socket.destroy();
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
  }
}

function flag(result: unknown, name: string): boolean {
  const value = isObject(result) ? result[name] : undefined;
  if (typeof value !== 'boolean')
    throw new ControlError('ERR_CONTROL_MESSAGE', `The answer has ${JSON.stringify(value)} as its ${name}`);
  return value;
}

async function bounded<T>(promise: Promise<T>, what: string, options: ControlOptions): Promise<T> {
  const { signal, deadline = ANSWER } = options;
  signal?.throwIfAborted();
  const end = Promise.withResolvers<never>();
  const timer = setTimeout(() => end.reject(new DeadlineError(what, deadline)), deadline);
  const abort = () => end.reject(asError(signal?.reason));
  signal?.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([promise, end.promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}
