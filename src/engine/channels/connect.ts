import { lookup } from 'node:dns/promises';
import { mkdirSync, openSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { asError, SystemError } from '../../errors.ts';
import { connectTcp, connectUnix, errnoName, Fd, Poll, PollSet, socketError } from '../../sys/index.ts';
import { type Connection, fileConnection, socketConnection } from './connection.ts';
import type { Endpoint } from './endpoint.ts';
import { ChannelError } from './errors.ts';
import { untilDone } from './exchange.ts';
import { CONNECT_WITHIN } from './limits.ts';
import { type Patience, Wait } from './patience.ts';

/** Which of a transfer's connections this is: a file has a name of its own for each. */
export type Role = 'main' | number;

/**
 * Connect to `endpoint`; a folder gets a new file for `role`. Rejects with `ERR_CONNECT` where nobody is there, and with
 * `ERR_DEADLINE`.
 */
export async function connect(endpoint: Endpoint, role: Role, patience: Patience = {}): Promise<Connection> {
  const wait = new Wait(patience, CONNECT_WITHIN);
  try {
    if (endpoint.transport === 'file') return createFile(endpoint.path, role);
    if (endpoint.transport === 'unix') return await connectToPath(endpoint.path, wait);
    return await connectToHost(endpoint.host, endpoint.port, wait);
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
    fd.setNonBlocking(false);
    return socketConnection(fd, `${host} port ${port}`);
  } catch (error) {
    fd[Symbol.dispose]();
    throw error;
  }
}
