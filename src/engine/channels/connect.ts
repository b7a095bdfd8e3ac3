import { lookup } from 'node:dns/promises';
import { mkdirSync, openSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { asError, SystemError } from '../../errors.ts';
import {
  connectTcp,
  connectUnix,
  Errno,
  errnoName,
  Fd,
  Poll,
  PollSet,
  socketError,
  type TlsContext,
  TlsSession,
} from '../../sys/index.ts';
import { type Connection, fileConnection, socketConnection, tlsConnection } from './connection.ts';
import type { Endpoint } from './endpoint.ts';
import { ChannelError } from './errors.ts';
import { untilDone } from './exchange.ts';
import { CONNECT_WITHIN } from './limits.ts';
import { type Patience, Wait } from './patience.ts';

/** Which of a transfer's connections this is: a file has a name of its own for each. */
export type Role = 'main' | number;

/** How to connect. */
export interface ConnectOptions extends Patience {
  /** For endpoints with TLS, and only for these. The caller's. */
  readonly tls?: TlsContext | undefined;
  /** Whom the peer's certificate has to be for, where that is not the endpoint's host. */
  readonly tlsHost?: string | undefined;
}

/** The context where there has to be one. Throws `ERR_TLS` where it is missing. */
export function contextFor(endpoint: Endpoint, context: TlsContext | undefined): TlsContext | undefined {
  if (!endpoint.tls) return undefined;
  if (context !== undefined) return context;
  throw new ChannelError('ERR_TLS', `${endpointText(endpoint)} needs certificates, and none are given`);
}

/**
 * Connect to `endpoint`; a folder gets a new file for `role`. Rejects with `ERR_CONNECT` where nobody is there, and with
 * `ERR_DEADLINE`.
 */
export async function connect(
  endpoint: Endpoint,
  role: Role,
  options: ConnectOptions = {},
): Promise<Connection> {
  const wait = new Wait(options, CONNECT_WITHIN);
  const context = contextFor(endpoint, options.tls);
  try {
    if (endpoint.transport === 'file') return createFile(endpoint.path, role);
    if (endpoint.transport === 'unix') return await connectToPath(endpoint.path, wait);
    const plain = await connectToHost(endpoint.host, endpoint.port, wait);
    if (context === undefined) return plain;
    return await connectTls(plain, context, options.tlsHost ?? endpoint.host, wait);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    throw new ChannelError('ERR_CONNECT', `No connection to ${endpointText(endpoint)}: ${error.message}`, {
      cause: error,
      retry: true,
    });
  }
}

/** An endpoint as people write it. */
export function endpointText(endpoint: Endpoint): string {
  if (endpoint.transport !== 'tcp') return `${endpoint.scheme}:${endpoint.path}`;
  const { host, port } = endpoint;
  return `${endpoint.scheme}:${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

async function connectTls(
  plain: Connection,
  context: TlsContext,
  host: string,
  wait: Wait,
): Promise<Connection> {
  const { fd, peer } = plain;
  let connection = plain;
  try {
    const session = TlsSession.connect(context, fd, host);
    connection = tlsConnection(fd, session, peer);
    await untilDone(fd, Poll.in | Poll.out, `The TLS handshake with ${peer}`, wait, () => {
      const result = session.handshake();
      if (result > 0) return true;
      if (result !== -Errno.EAGAIN && result !== -Errno.EINTR)
        throw new ChannelError('ERR_TLS', `The TLS handshake with ${peer} failed: ${session.failure}`);
      return false;
    });
    return connection;
  } catch (error) {
    await connection[Symbol.asyncDispose]();
    throw error;
  }
}

/** Name of the file of a connection. */
export function fileName(role: Role): string {
  return role === 'main' ? 'main' : `channel-${String(role).padStart(3, '0')}`;
}

function createFile(folder: string, role: Role): Connection {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, fileName(role));
  return fileConnection(new Fd(openSync(path, 'wx', 0o600), path), path);
}

/** A unix socket's listener takes a connection at once, or its queue is full. */
async function connectToPath(path: string, wait: Wait): Promise<Connection> {
  wait.signal?.throwIfAborted();
  return socketConnection(connectUnix(path, { dontWait: true }), path);
}

/** The addresses of a host are tried one after the other. */
async function connectToHost(host: string, port: number, wait: Wait): Promise<Connection> {
  const failures: Error[] = [];
  for (const address of await addressesOf(host, wait)) {
    wait.signal?.throwIfAborted();
    try {
      return await connectToAddress(address, port, wait);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      failures.push(error);
    }
  }
  throw failures.length === 1
    ? failures[0]
    : new ChannelError(
        'ERR_CONNECT',
        `No connection to ${host} port ${port}: ${failures.map(({ message }) => message).join('; ')}`,
        { retry: true },
      );
}

/** The numeric addresses of a host, in the order in which they should be tried. Rejects with `ERR_HOST`. */
export async function addressesOf(host: string, wait: Wait): Promise<string[]> {
  if (isIP(host) !== 0) return [host];
  const found = lookup(host, { all: true }).catch((cause: unknown) => {
    throw new ChannelError('ERR_HOST', `The host ${host} has no address: ${asError(cause).message}`, {
      cause,
    });
  });
  return (await wait.for(found, `An answer about the host ${host}`)).map(({ address }) => address);
}

async function connectToAddress(host: string, port: number, wait: Wait): Promise<Connection> {
  const fd = connectTcp(host, port);
  try {
    using poll = new PollSet(1);
    poll.set(0, fd.number, Poll.out);
    await untilDone(fd, Poll.out, `The connection to ${host} port ${port}`, wait, () => poll.wait(0) > 0);
    const errno = socketError(fd);
    if (errno !== 0) throw new SystemError('connect', errno, errnoName(errno), fd.name);
    return socketConnection(fd, `${host} port ${port}`);
  } catch (error) {
    fd[Symbol.dispose]();
    throw error;
  }
}
