import { createReadStream, createWriteStream } from 'node:fs';
import { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { type Fd, shutdownSocket } from '../../sys/index.ts';

/** One connection of a transfer, whatever carries it. */
export interface Connection extends AsyncDisposable {
  /** A blocking stream for a channel's thread. */
  readonly fd: Fd;
  /** Whether `fd` is a file: sockets know calls that files do not. */
  readonly isFile: boolean;
  /** Who is at the other end, for messages. */
  readonly peer: string;
  /** Give up: whoever is blocked on it returns, in every thread. */
  shutdown(): void;
  /**
   * What is underneath has come to its end behind the last byte that was read. Rejects with what was wrong with it: with TLS,
   * an end without a bye.
   */
  ended(): Promise<void>;
  /** `fd` as a stream of this thread, which takes it over. */
  stream(direction: 'send' | 'receive'): Duplex;
}

/** A connection that is a socket, `fd`, which is taken over. */
export function socketConnection(fd: Fd, peer: string): Connection {
  return {
    fd,
    isFile: false,
    peer,
    shutdown() {
      if (!fd.closed) shutdownSocket(fd, 'both');
    },
    ended: () => Promise.resolve(),
    stream: () => socketStream(fd),
    async [Symbol.asyncDispose]() {
      fd[Symbol.dispose]();
    },
  };
}

/** `fd`, a connected socket, as a stream of this thread, which takes it over. */
export function socketStream(fd: Fd): Socket {
  return new Socket({ fd: fd.release(), readable: true, writable: true, allowHalfOpen: true });
}

/** A connection that is a file, `fd`, which is taken over. */
export function fileConnection(fd: Fd, path: string): Connection {
  return {
    fd,
    isFile: true,
    peer: path,
    shutdown() {
      // No call on a file waits for a peer
    },
    ended: () => Promise.resolve(),
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
