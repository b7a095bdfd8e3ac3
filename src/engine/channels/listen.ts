import { existsSync, openSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import {
  acceptTcp,
  acceptUnix,
  Fd,
  listenTcp,
  listenUnix,
  localAddress,
  Poll,
  peerCredentials,
  remoteAddress,
  removeStaleSocket,
  type TlsContext,
  TlsSession,
} from '../../sys/index.ts';
import { addressesOf, contextFor, endpointText, fileName } from './connect.ts';
import { type Connection, fileConnection, socketConnection, tlsConnection } from './connection.ts';
import type { Endpoint } from './endpoint.ts';
import { ChannelError } from './errors.ts';
import { untilDone } from './exchange.ts';
import { BACKLOG, COLLECT_WITHIN, CONNECT_WITHIN } from './limits.ts';
import { type Patience, Wait } from './patience.ts';

/** Where the connections of a transfer arrive. */
export interface Listener extends AsyncDisposable {
  /** The endpoint to connect to: with the port that the kernel chose. */
  readonly endpoint: Endpoint;
  /** Whether the connections are files, of which there are no more than there are. */
  readonly isFile: boolean;
  /** The next connection. It may be anybody's: nothing was received from it yet. Rejects with `ERR_DEADLINE`. */
  accept(patience: Patience): Promise<Connection>;
}

/** How to listen. */
export interface ListenOptions extends Patience {
  /** For endpoints with TLS, and only for these. The caller's, as long as the listener lasts. */
  readonly tls?: TlsContext | undefined;
}

/** Listen at `endpoint`; the files of a folder are taken one after the other, the main stream first. */
export async function listen(endpoint: Endpoint, options: ListenOptions = {}): Promise<Listener> {
  const context = contextFor(endpoint, options.tls);
  if (endpoint.transport === 'file') return folderListener(endpoint, endpoint.path);
  if (endpoint.transport === 'unix') {
    removeStaleSocket(endpoint.path);
    const fd = listenUnix(endpoint.path, BACKLOG);
    return new SocketListener(fd, endpoint, acceptUnix);
  }
  const [address = endpoint.host] = await addressesOf(endpoint.host, new Wait(options, CONNECT_WITHIN));
  const fd = listenTcp(address, endpoint.port, BACKLOG);
  const port = Number(localAddress(fd).replace(/.*:/, ''));
  return new SocketListener(fd, { ...endpoint, port }, acceptTcp, context);
}

class SocketListener implements Listener {
  readonly endpoint: Endpoint;
  readonly isFile = false;
  readonly #fd: Fd;
  readonly #accept: (listener: Fd, name: string) => Fd | undefined;
  readonly #context: TlsContext | undefined;
  readonly #closed = new AbortController();

  constructor(
    fd: Fd,
    endpoint: Endpoint,
    accept: (listener: Fd, name: string) => Fd | undefined,
    context?: TlsContext,
  ) {
    this.#fd = fd;
    this.#context = context;
    this.#accept = accept;
    this.endpoint = endpoint;
    fd.setNonBlocking(true);
  }

  async accept(patience: Patience): Promise<Connection> {
    const closed = this.#closed.signal;
    const signal = patience.signal === undefined ? closed : AbortSignal.any([patience.signal, closed]);
    const wait = new Wait({ ...patience, signal }, COLLECT_WITHIN);
    let accepted: Fd | undefined;
    await untilDone(this.#fd, Poll.in, `A connection to ${endpointText(this.endpoint)}`, wait, () => {
      accepted = this.#accept(this.#fd, `accepted on ${endpointText(this.endpoint)}`);
      return accepted !== undefined;
    });
    const fd = accepted!;
    const peer = this.endpoint.transport === 'tcp' ? remoteAddress(fd) : `process ${peerCredentials(fd).pid}`;
    if (this.#context === undefined) return socketConnection(fd, peer);
    // The handshake is made when something is received
    fd.setNonBlocking(true);
    return tlsConnection(fd, TlsSession.accept(this.#context, fd), peer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#fd.closed) return;
    const gone = `${endpointText(this.endpoint)} is not listened to any more`;
    this.#closed.abort(new ChannelError('ERR_LISTENER_CLOSED', gone));
    this.#fd[Symbol.dispose]();
    if (this.endpoint.transport === 'unix' && existsSync(this.endpoint.path)) unlinkSync(this.endpoint.path);
  }
}

function folderListener(endpoint: Endpoint, folder: string): Listener {
  let taken = -1;
  return {
    endpoint,
    isFile: true,
    async accept() {
      const path = join(folder, fileName(taken < 0 ? 'main' : taken));
      if (!existsSync(path)) throw new ChannelError('ERR_CONNECT', `There is no file ${path}`);
      taken++;
      return fileConnection(new Fd(openSync(path, 'r'), path), path);
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
