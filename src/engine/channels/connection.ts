import { createReadStream, createWriteStream, readSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { type Fd, receiveNow, sendNow, shutdownSocket, type TlsSession } from '../../sys/index.ts';
import { TlsStream } from './tls-stream.ts';
import type { TransportStart } from './transport.ts';

/** One connection of a transfer, whatever carries it. It belongs to the main thread, until a channel's thread gets it. */
export interface Connection extends AsyncDisposable {
  /** The socket, which is non-blocking, or the file. */
  readonly fd: Fd;
  /** Who is at the other end, for messages. */
  readonly peer: string;
  /** What a channel's thread needs to use it. */
  readonly transport: TransportStart;
  /** Receive what is there: how many bytes, 0 at the end of the stream, or `WOULD_BLOCK`; with `peek` they stay. */
  receiveNow(into: Uint8Array, options: { readonly peek: boolean }): number;
  /** Send as much of `bytes` as goes without waiting: how many, or `WOULD_BLOCK`. */
  sendNow(bytes: Uint8Array): number;
  /** Give up: whoever is blocked on it returns, in every thread. */
  shutdown(): void;
  /**
   * The connection as a stream of this thread. Destroying one closes it; a stream that ends without the bye of TLS fails.
   */
  stream(direction: 'send' | 'receive'): Duplex;
}

/** A connection that is a socket, `fd`, which is taken over. */
export function socketConnection(fd: Fd, peer: string): Connection {
  fd.setNonBlocking(true);
  return {
    fd,
    peer,
    get transport() {
      return { kind: 'socket', fd: fd.number } as const;
    },
    receiveNow: (into, options) => receiveNow(fd, into, options),
    sendNow: (bytes) => sendNow(fd, bytes),
    shutdown: () => shutdownOpen(fd),
    stream: () => new Socket({ fd: fd.release(), readable: true, writable: true, allowHalfOpen: true }),
    async [Symbol.asyncDispose]() {
      fd[Symbol.dispose]();
    },
  };
}

/** A connection that is a TLS `session` over the socket `fd`; both are taken over. */
export function tlsConnection(fd: Fd, session: TlsSession, peer: string): Connection {
  const dispose = () => {
    session[Symbol.dispose]();
    fd[Symbol.dispose]();
  };
  return {
    fd,
    peer,
    get transport() {
      return { kind: 'tls', fd: fd.number, session: session.address } as const;
    },
    receiveNow: (into, options) => session.receiveNow(into, options),
    sendNow: (bytes) => session.sendNow(bytes),
    shutdown: () => shutdownOpen(fd),
    stream: () => new TlsStream(fd, session, dispose),
    async [Symbol.asyncDispose]() {
      dispose();
    },
  };
}

function shutdownOpen(fd: Fd): void {
  if (!fd.closed) shutdownSocket(fd, 'both');
}

/** A connection that is a file, `fd`, which is taken over. */
export function fileConnection(fd: Fd, path: string): Connection {
  return {
    fd,
    peer: path,
    get transport() {
      return { kind: 'file', fd: fd.number } as const;
    },
    receiveNow(into, { peek }) {
      const count = readSync(fd.number, into, 0, into.length, peek ? 0 : null);
      // Nobody adds to it meanwhile
      return count < into.length ? 0 : count;
    },
    sendNow: (bytes) => writeSync(fd.number, bytes),
    shutdown() {
      // No call on a file waits for a peer
    },
    stream(direction) {
      const number = fd.release();
      if (direction === 'send') return Duplex.from(createWriteStream(path, { fd: number, flush: true }));
      return Duplex.from(createReadStream(path, { fd: number }));
    },
    async [Symbol.asyncDispose]() {
      fd[Symbol.dispose]();
    },
  };
}
