import { isIP } from 'node:net';
import { ChannelError } from './errors.ts';

/** The schemes, and what each means: how bytes travel, whether they are encrypted, whether Ferry's extensions are used. */
const SCHEMES = {
  tcp: { transport: 'tcp', tls: false, extended: false },
  tls: { transport: 'tcp', tls: true, extended: false },
  unix: { transport: 'unix', tls: false, extended: false },
  file: { transport: 'file', tls: false, extended: false },
  'ferry+tcp': { transport: 'tcp', tls: false, extended: true },
  'ferry+tls': { transport: 'tcp', tls: true, extended: true },
  'ferry+unix': { transport: 'unix', tls: false, extended: true },
} as const;

/** Longest path of a unix socket. */
const MAX_SOCKET_PATH = 107;

interface EndpointFacts {
  readonly scheme: string;
  readonly tls: boolean;
  /** Whether both ends are Ferry and use what stock peers do not know. */
  readonly extended: boolean;
}

/** A TCP port. */
export interface TcpEndpoint extends EndpointFacts {
  readonly transport: 'tcp';
  /** A name, or a numeric address without brackets. */
  readonly host: string;
  readonly port: number;
}

/** A unix socket. */
export interface UnixEndpoint extends EndpointFacts {
  readonly transport: 'unix';
  readonly path: string;
}

/** A folder, in which each connection is a file. */
export interface FileEndpoint extends EndpointFacts {
  readonly transport: 'file';
  readonly path: string;
}

/** Where the connections of a transfer go. */
export type Endpoint = TcpEndpoint | UnixEndpoint | FileEndpoint;

/**
 * Read `tcp:HOST:PORT`, `tls:HOST:PORT`, `unix:PATH`, `file:FOLDER`, and the first three with `ferry+` in front. An IPv6
 * address stands in brackets. Throws `ERR_ENDPOINT`.
 */
export function parseEndpoint(uri: string): Endpoint {
  const colon = uri.indexOf(':');
  const scheme = colon < 0 ? '' : uri.slice(0, colon);
  if (!Object.hasOwn(SCHEMES, scheme)) {
    const known = Object.keys(SCHEMES).map((name) => `${name}:`);
    throw refusal(uri, `begins with none of ${known.join(', ')}`);
  }
  const { transport, ...rest } = SCHEMES[scheme as keyof typeof SCHEMES];
  const place = uri.slice(colon + 1);
  if (transport === 'tcp') return { scheme, ...rest, transport, ...hostAndPort(uri, place) };
  if (place === '') throw refusal(uri, 'names no path');
  if (place.includes('\0')) throw refusal(uri, 'has a NUL byte in its path');
  const length = Buffer.byteLength(place);
  if (transport === 'unix' && length > MAX_SOCKET_PATH)
    throw refusal(uri, `has a path of ${length} bytes, a unix socket's has at most ${MAX_SOCKET_PATH}`);
  return { scheme, ...rest, transport, path: place };
}

function hostAndPort(uri: string, place: string): { host: string; port: number } {
  const parts = /^(?:\[([^\]]*)\]|([^:[\]]*)):([^:]*)$/.exec(place);
  if (parts === null) {
    if (place.split(':').length > 2)
      throw refusal(uri, 'has an IPv6 address without brackets, or a port missing');
    throw refusal(uri, 'is not of the form HOST:PORT');
  }
  const [, bracketed, plain, portText = ''] = parts;
  const host = bracketed ?? plain ?? '';
  if (bracketed !== undefined && isIP(bracketed) !== 6)
    throw refusal(uri, `has ${bracketed} in brackets, which is no IPv6 address`);
  if (!/^[^\s/@?#]+$/.test(host))
    throw refusal(uri, host === '' ? 'names no host' : `has no host's name in ${host}`);
  const port = Number(portText);
  if (!/^\d{1,5}$/.test(portText) || port > 65535)
    throw refusal(uri, `has the port ${portText || '(none)'}, expected 0 to 65535`);
  return { host, port };
}

function refusal(uri: string, what: string): ChannelError {
  return new ChannelError('ERR_ENDPOINT', `The endpoint ${JSON.stringify(uri)} ${what}`);
}
