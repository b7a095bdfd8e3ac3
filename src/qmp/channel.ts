import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { asError, SystemError } from '../errors.ts';
import { connectUnix, Errno, type Fd, peerCredentials, sendMessage, WOULD_BLOCK } from '../sys/index.ts';
import { formatQmpAddress, type QmpAddress } from './address.ts';
import { QmpConnectError } from './errors.ts';

const RETRY_MS = 20;

/** The process at the other end, as the kernel knows it. For a socket that was handed over it is who listened first. */
export interface QmpPeer {
  readonly pid: number;
  readonly uid: number;
}

/** The byte stream to a monitor. Over a unix socket it also carries descriptors. */
export class QmpChannel implements AsyncDisposable {
  readonly peer: QmpPeer | undefined;
  readonly #socket: Socket;
  readonly #fd: Fd | undefined;

  constructor(socket: Socket, fd?: Fd, peer?: QmpPeer) {
    this.#socket = socket;
    this.#fd = fd;
    this.peer = peer;
  }

  /** Connect to `address`. Fails with `QmpConnectError`, whose cause is the system's error. */
  static async open(address: QmpAddress, signal: AbortSignal): Promise<QmpChannel> {
    try {
      return address.kind === 'unix'
        ? await QmpChannel.#unix(address.path, signal)
        : await QmpChannel.#tcp(address.host, address.port, signal);
    } catch (cause) {
      if (signal.aborted) throw signal.reason;
      throw new QmpConnectError(`No monitor at ${formatQmpAddress(address)}: ${asError(cause).message}`, {
        cause,
        retry: true,
      });
    }
  }

  static async #unix(path: string, signal: AbortSignal): Promise<QmpChannel> {
    for (;;) {
      signal.throwIfAborted();
      try {
        const fd = connectUnix(path, { dontWait: true });
        const { pid, uid } = peerCredentials(fd);
        // The stream gets a descriptor of its own: closing it does not invalidate the one that carries descriptors.
        return new QmpChannel(new Socket({ fd: fd.duplicate().release() }), fd, { pid, uid });
      } catch (error) {
        // Other clients fill the listener's queue: it has no event to wait for.
        if (!(error instanceof SystemError) || error.errno !== Errno.EAGAIN) throw error;
        await delay(RETRY_MS, undefined, { signal });
      }
    }
  }

  static async #tcp(host: string, port: number, signal: AbortSignal): Promise<QmpChannel> {
    const socket = new Socket();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = () => reject(asError(signal.reason));
    signal.addEventListener('abort', abort, { once: true });
    socket.once('connect', resolve).once('error', reject);
    socket.setNoDelay(true).connect(port, host);
    try {
      await promise;
      return new QmpChannel(socket);
    } catch (error) {
      socket.destroy();
      throw error;
    } finally {
      socket.off('error', reject);
      signal.removeEventListener('abort', abort);
    }
  }

  /** Start reading. `onEnd` is called once, with the error when the stream broke. */
  listen(onData: (chunk: Buffer) => void, onEnd: (error?: Error) => void): void {
    let failure: Error | undefined;
    this.#socket
      .on('data', onData)
      .on('error', (error) => {
        failure = error;
      })
      .once('end', () => onEnd())
      .once('close', () => onEnd(failure));
  }

  write(text: string): void {
    this.#socket.write(text);
  }

  /** Send `text` with descriptors, after everything that was written before. They stay the caller's. */
  async writeWithFds(text: string, fds: readonly Fd[], signal: AbortSignal): Promise<void> {
    if (this.#fd === undefined)
      throw new QmpConnectError('Descriptors cannot be sent to this monitor: it is not on a unix socket');
    const bytes = Buffer.from(text);
    for (;;) {
      signal.throwIfAborted();
      if (this.#socket.writableLength === 0) {
        const numbers = fds.map((fd) => fd.number);
        const sent = sendMessage(this.#fd, bytes, numbers, { dontWait: true });
        if (sent !== WOULD_BLOCK) {
          if (sent < bytes.length) this.#socket.write(bytes.subarray(sent));
          return;
        }
      }
      // sendmsg is not the stream's: nothing tells when there is room for it.
      await delay(RETRY_MS, undefined, { signal });
    }
  }

  /** Close at once. */
  destroy(): void {
    this.#socket.destroy();
    this.#fd?.[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (this.#socket.closed) resolve();
    else this.#socket.once('close', () => resolve());
    this.destroy();
    await promise;
  }
}
