import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { asError, DeadlineError, FerryError } from '../errors.ts';
import type { DeviceReport, MigrationDetails } from '../state/index.ts';
import { createEventfd, type Fd, signalEventfd } from '../sys/index.ts';
import { DeviceError } from './errors.ts';
import { type FrontEndPlace, inheritedPlace, socketPlace } from './front-end-socket.ts';
import { ANSWER_WITHIN, STOP_WITHIN } from './limits.ts';
import { DEFAULT_SETTINGS, type DeviceSettings } from './settings.ts';
import type { ThreadAnswers, ThreadMessage, ThreadRequest, ThreadStart } from './thread-messages.ts';

const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/** What to serve, and where. Exactly one of `socketPath` and `fd` is given. */
export interface ServeOptions extends Partial<DeviceSettings> {
  /** The module that makes the device, as a URL; it is loaded on the device's own thread. */
  readonly module: URL | string;
  /** The function that it exports for that, given `options`; `createDevice` by default. */
  readonly factory?: string;
  /** Handed to the function. Plain data: it is copied to the other thread. */
  readonly options?: unknown;
  /** Where to listen for front ends. */
  readonly socketPath?: string;
  /** An inherited descriptor that listens for front ends, or is connected to the only one. */
  readonly fd?: number;
  /** Hears one line at a time; written to stderr by default. */
  readonly log?: (line: string) => void;
  /** Whether SIGTERM and SIGINT end the device in good order; they do by default. */
  readonly signals?: boolean;
}

/**
 * A device that is being served. Disposing of it is an orderly end; it rejects with a failure of the device only where
 * nobody asked for `ended`.
 */
export interface Server extends AsyncDisposable {
  /** Name of the device. */
  readonly device: string;
  /** Resolves when serving has ended in good order; rejects, naming the device, when it failed. */
  readonly ended: Promise<void>;
  /** What the instance says about itself. */
  status(): Promise<DeviceReport>;
  /** Make a transfer of state fail, also one that only waits to be checked. Whether there was one. */
  abortTransfer(reason: string): Promise<boolean>;
  /** The guest was committed elsewhere in `epoch`: start no ring any more. Rejects while rings run here. */
  fence(epoch: number): Promise<void>;
  /** Rings may start again. Whether they could not. */
  release(): Promise<boolean>;
  /** Have the device look how large what it stands for is by now. Bytes; rejects where that cannot change. */
  resize(): Promise<number>;
  /** What the device says of migration compatibility. Rejects where it has no migration parameters. */
  migrationInfo(): Promise<MigrationDetails>;
  /** Set a migration parameter that may change while the device runs. */
  setParameter(name: string, value: string): Promise<MigrationDetails>;
  /** Have no parameter set for so many seconds, if those that are in effect are still those of `digest`. */
  freeze(digest: string, seconds: number): Promise<void>;
  /** Parameters may be set again. Whether they could not. */
  thaw(): Promise<boolean>;
  /** End in good order; resolves as `ended` does. */
  stop(): Promise<void>;
}

/**
 * Serve a device to vhost-user front ends: it lives on a thread of its own, this one stays free. Resolves when front
 * ends can connect. Rejects where the device or the socket cannot be had.
 */
export async function serve(options: ServeOptions): Promise<Server> {
  const { socketPath, fd } = options;
  if ((socketPath === undefined) === (fd === undefined))
    throw new FerryError(
      'ERR_SERVE_OPTIONS',
      'Exactly one of socketPath and fd says where front ends come from',
    );
  const place = socketPath === undefined ? inheritedPlace(fd!) : socketPlace(socketPath);
  const server = new ThreadServer(options, place);
  try {
    await server.ready;
    return server;
  } catch (error) {
    // Both promises tell of the same end
    await server.ended.catch(() => undefined);
    throw error;
  }
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** The main thread's hold on a device thread. */
class ThreadServer implements Server {
  device = 'device';
  readonly ready: Promise<void>;
  readonly #ended: Promise<void>;
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #control: Fd;
  readonly #log: (line: string) => void;
  readonly #waiting = new Map<number, Waiting>();
  #failure: Error | undefined;
  #endIsAwaited = false;
  #nextId = 1;

  constructor(options: ServeOptions, place: FrontEndPlace) {
    const { module, factory = 'createDevice', signals = true } = options;
    this.#log = options.log ?? ((line) => process.stderr.write(`${line}\n`));
    this.#control = createEventfd('control of the device thread');
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const start: ThreadStart = {
      module: String(module),
      factory,
      options: options.options,
      control: this.#control.duplicate().release(),
      port: port2,
      settings: settingsOf(options),
    };
    this.#worker = new Worker(threadModule(), { workerData: start, transferList: [port2] });
    const ready = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    this.ready = ready.promise;
    this.#ended = ended.promise;
    const stopOnSignal = () =>
      void this.stop().catch(() => this.#log(`${this.device}: ended with a failure`));
    // A thread that sleeps in poll(2) would keep a process that exits from ending
    const wake = () => signalEventfd(this.#control.number);
    process.on('exit', wake);
    if (signals) for (const signal of STOP_SIGNALS) process.once(signal, stopOnSignal);
    port1.on('message', (message: ThreadMessage) => this.#receive(message, place, ready.resolve));
    this.#worker.on('error', (error) => {
      this.#failure ??= this.#failed(asError(error).message, error);
    });
    this.#worker.once('exit', () => {
      process.off('exit', wake);
      for (let last = receiveMessageOnPort(port1); last !== undefined; last = receiveMessageOnPort(port1))
        this.#receive(last.message, place, ready.resolve);
      for (const signal of STOP_SIGNALS) process.off(signal, stopOnSignal);
      place.close();
      port1.close();
      this.#control[Symbol.dispose]();
      const gone = this.#failure ?? this.#failed('it has ended');
      for (const { reject } of this.#waiting.values()) reject(gone);
      ready.reject(gone);
      if (this.#failure === undefined) ended.resolve();
      else ended.reject(this.#failure);
    });
  }

  get ended(): Promise<void> {
    this.#endIsAwaited = true;
    return this.#ended;
  }

  async status(): Promise<DeviceReport> {
    return this.#ask({ method: 'status' });
  }

  async abortTransfer(reason: string): Promise<boolean> {
    return this.#ask({ method: 'abort', reason });
  }

  async fence(epoch: number): Promise<void> {
    await this.#ask({ method: 'fence', epoch });
  }

  async release(): Promise<boolean> {
    return this.#ask({ method: 'release' });
  }

  async resize(): Promise<number> {
    return this.#ask({ method: 'resize' });
  }

  async migrationInfo(): Promise<MigrationDetails> {
    return this.#ask({ method: 'migration' });
  }

  async setParameter(name: string, value: string): Promise<MigrationDetails> {
    return this.#ask({ method: 'set-parameter', name, value });
  }

  async freeze(digest: string, seconds: number): Promise<void> {
    await this.#ask({ method: 'freeze', digest, seconds });
  }

  async thaw(): Promise<boolean> {
    return this.#ask({ method: 'thaw' });
  }

  async stop(): Promise<void> {
    if (!this.#control.closed) this.#send({ method: 'stop' });
    const force = setTimeout(() => {
      this.#failure ??= this.#failed(`it did not end within ${STOP_WITHIN} ms and was ended by force`);
      void this.#worker.terminate().catch(() => undefined);
    }, STOP_WITHIN);
    try {
      await this.#ended;
    } finally {
      clearTimeout(force);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.stop();
    } catch (error) {
      if (!this.#endIsAwaited) throw error;
    }
  }

  #send(request: ThreadRequest): number {
    const id = this.#nextId++;
    this.#port.postMessage({ id, request });
    signalEventfd(this.#control.number);
    return id;
  }

  async #ask<R extends Extract<ThreadRequest, { method: keyof ThreadAnswers }>>(
    request: R,
  ): Promise<ThreadAnswers[R['method']]> {
    if (this.#control.closed) throw this.#failure ?? this.#failed('it has ended');
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const id = this.#send(request);
    this.#waiting.set(id, { resolve, reject });
    const timer = setTimeout(
      () => reject(new DeadlineError(`The ${this.device}’s answer to ${request.method}`, ANSWER_WITHIN)),
      ANSWER_WITHIN,
    );
    try {
      return (await promise) as ThreadAnswers[R['method']];
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  #receive(message: ThreadMessage, place: FrontEndPlace, ready: () => void): void {
    switch (message.kind) {
      case 'made':
        this.device = message.device;
        this.#openPlace(place);
        break;
      case 'ready':
        ready();
        break;
      case 'log':
        this.#log(`${this.device}: ${message.message}`);
        break;
      case 'answer':
        this.#waiting.get(message.id)?.resolve(message.value);
        break;
      case 'refusal':
        this.#waiting.get(message.id)?.reject(new FerryError(message.code, message.message));
        break;
      case 'failed':
        this.#failure = new FerryError(
          message.code,
          message.device === undefined
            ? message.message
            : `The ${message.device} device failed: ${message.message}`,
        );
        break;
    }
  }

  /** The device is there: now front ends may come. Where they cannot, the thread is not needed. */
  #openPlace(place: FrontEndPlace): void {
    try {
      const { kind, socket } = place.open();
      this.#port.postMessage({ kind, number: socket.release() });
    } catch (error) {
      this.#failure = asError(error);
      void this.#worker.terminate().catch(() => undefined);
    }
  }

  #failed(what: string, cause?: unknown): DeviceError {
    return new DeviceError('ERR_DEVICE', `The ${this.device} device failed: ${what}`, { cause });
  }
}

function settingsOf(options: ServeOptions): DeviceSettings {
  const given = Object.keys(DEFAULT_SETTINGS).flatMap((key) => {
    const value = options[key as keyof DeviceSettings];
    return value === undefined ? [] : [[key, value] as const];
  });
  return { ...DEFAULT_SETTINGS, ...Object.fromEntries(given) };
}

/** The thread's entry, in the sources or compiled. */
function threadModule(): URL {
  const name = import.meta.url.endsWith('.ts') ? './device-thread.ts' : './device-thread.js';
  return new URL(name, import.meta.url);
}
