import { chmodSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { asError, FerryError } from '../errors.ts';
import type { DeviceReport, MigrationDetails } from '../state/index.ts';
import { type Credentials, peerCredentials, removeStaleSocket } from '../sys/index.ts';
import { ControlError } from './errors.ts';
import { IDLE, MAX_CONNECTIONS, MAX_FREEZE, MAX_WAITING } from './limits.ts';
import { Lines } from './lines.ts';
import { decodeRequest, formatLine, parseLine, RpcCode, type RpcRequest } from './messages.ts';

/** What can be asked of a served device. A `Server` of the device SDK is one. */
export interface ControlTarget {
  status(): Promise<DeviceReport>;
  abortTransfer(reason: string): Promise<boolean>;
  fence(epoch: number): Promise<void>;
  release(): Promise<boolean>;
  resize(): Promise<number>;
  migrationInfo(): Promise<MigrationDetails>;
  setParameter(name: string, value: string): Promise<MigrationDetails>;
  freeze(digest: string, seconds: number): Promise<void>;
  thaw(): Promise<boolean>;
}

export interface ControlServerOptions {
  readonly program: string;
  readonly version: string;
  /** Hears of peers that were turned away and of connections that broke the rules. */
  readonly log?: (message: string) => void;
}

type Method = (params: Readonly<Record<string, unknown>>) => Promise<unknown>;

/**
 * Answers questions about a served device on a unix socket, to processes of the same user and to root. The socket is
 * there for its owner alone, and who connects is checked once more.
 */
export class ControlServer implements AsyncDisposable {
  readonly path: string;
  readonly #methods: ReadonlyMap<string, Method>;
  readonly #server: Server;
  readonly #connections = new Set<Socket>();
  readonly #log: (message: string) => void;

  private constructor(path: string, target: ControlTarget, options: ControlServerOptions) {
    this.path = path;
    this.#log = options.log ?? (() => undefined);
    this.#methods = methodsOf(target, options);
    this.#server = createServer((socket) => this.#accept(socket));
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** Listen at `path`, where nothing may be, or only a socket that nobody listens on. */
  static async listen(
    path: string,
    target: ControlTarget,
    options: ControlServerOptions,
  ): Promise<ControlServer> {
    removeStaleSocket(path);
    const control = new ControlServer(path, target, options);
    await control.#listen();
    chmodSync(path, 0o600);
    return control;
  }

  /** Close every connection and remove the socket. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#connections) socket.destroy();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    await promise;
  }

  #listen(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once('error', reject).listen(this.path, () => {
      this.#server.off('error', reject).on('error', (error) => this.#log(error.message));
      resolve();
    });
    return promise;
  }

  #accept(socket: Socket): void {
    this.#connections.add(socket);
    socket.once('close', () => this.#connections.delete(socket));
    socket.on('error', (error) => this.#log(error.message));
    socket.setTimeout(IDLE, () => socket.destroy());
    const peer = credentialsOf(socket);
    if (peer === undefined || (peer.uid !== process.geteuid?.() && peer.uid !== 0)) {
      this.#log(`User ${peer?.uid ?? 'unknown'} was turned away from the control socket`);
      socket.destroy();
      return;
    }
    this.#serve(socket);
  }

  #serve(socket: Socket): void {
    const lines = new Lines();
    let turn = Promise.resolve();
    let waiting = 0;
    socket.on('data', (chunk) => {
      try {
        for (const line of lines.push(Buffer.from(chunk))) {
          if (++waiting > MAX_WAITING)
            throw new ControlError('ERR_CONTROL_LINE', `More than ${MAX_WAITING} requests at one time`);
          turn = turn
            .then(() => this.#answer(line))
            .then((answer) => {
              waiting--;
              if (socket.writable) socket.write(answer);
            });
          turn.catch((error) => this.#drop(socket, error));
        }
      } catch (error) {
        this.#drop(socket, error);
      }
    });
  }

  #drop(socket: Socket, error: unknown): void {
    this.#log(`A connection to the control socket was closed: ${asError(error).message}`);
    socket.destroy();
  }

  async #answer(line: string): Promise<string> {
    let message: unknown;
    try {
      message = parseLine(line);
    } catch (error) {
      return refusal(null, RpcCode.parse, asError(error).message);
    }
    const request = decodeRequest(message);
    if (typeof request === 'string') return refusal(null, RpcCode.request, request);
    return this.#call(request);
  }

  async #call({ id, method, params }: RpcRequest): Promise<string> {
    const call = this.#methods.get(method);
    if (call === undefined) return refusal(id, RpcCode.method, `There is no method ${method}`);
    try {
      return formatLine({ id, result: await call(params) });
    } catch (error) {
      if (error instanceof RangeError) return refusal(id, RpcCode.params, error.message);
      if (error instanceof FerryError) return refusal(id, RpcCode.refused, error.message, error.code);
      throw error;
    }
  }
}

function refusal(id: number | string | null, code: number, message: string, name?: string): string {
  return formatLine({
    id,
    error: { code, message, ...(name === undefined ? {} : { data: { code: name } }) },
  });
}

function methodsOf(
  target: ControlTarget,
  { program, version }: ControlServerOptions,
): ReadonlyMap<string, Method> {
  return new Map<string, Method>([
    ['status', async () => ({ program, version, ...(await target.status()) })],
    [
      'abort-transfer',
      async ({ reason = 'the operator asked for it' }) => {
        if (typeof reason !== 'string' || reason.length > 500)
          throw new RangeError('reason is a string of at most 500 characters');
        return { aborted: await target.abortTransfer(reason) };
      },
    ],
    [
      'fence',
      async ({ epoch }) => {
        if (typeof epoch !== 'number' || !Number.isSafeInteger(epoch) || epoch < 1)
          throw new RangeError('epoch is a whole number from 1 on');
        await target.fence(epoch);
        return { epoch };
      },
    ],
    ['release', async () => ({ released: await target.release() })],
    ['resize', async () => ({ bytes: await target.resize() })],
    ['migration-info', async () => asResult(await target.migrationInfo())],
    [
      'set-parameter',
      async ({ name, value }) => {
        if (typeof name !== 'string' || typeof value !== 'string')
          throw new RangeError('name and value are strings');
        return asResult(await target.setParameter(name, value));
      },
    ],
    [
      'freeze',
      async ({ digest, seconds }) => {
        if (typeof digest !== 'string' || !/^[0-9a-f]{64}$/.test(digest))
          throw new RangeError('digest is a SHA-256 as 64 hexadecimal digits');
        if (typeof seconds !== 'number' || !(seconds > 0 && seconds <= MAX_FREEZE))
          throw new RangeError(`seconds is a number up to ${MAX_FREEZE}`);
        await target.freeze(digest, seconds);
        return { seconds };
      },
    ],
    ['thaw', async () => ({ thawed: await target.thaw() })],
  ]);
}

/** The document is part of the answer, not a text in it. */
function asResult({ info, ...report }: MigrationDetails): object {
  return { info: JSON.parse(info) as unknown, ...report };
}

/** Who is at the other end. Node has the descriptor but no public way to it; without it nobody is let in. */
function credentialsOf(socket: Socket): Credentials | undefined {
  const handle: unknown = Reflect.get(socket, '_handle');
  const number: unknown = Reflect.get(Object(handle), 'fd');
  return typeof number === 'number' && number >= 0
    ? peerCredentials({ number, name: 'control connection' })
    : undefined;
}
