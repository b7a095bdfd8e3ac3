import type { Facts } from '../facts.ts';
import { type Finding, ok, refuse } from './finding.ts';

const ID = 'uri';
const EXPECTED = 'unix:PATH or tcp:HOST:PORT that both sides reach';
const UNIX_PATH_LIMIT = 107;
const TCP = /^tcp:(?:\[[0-9a-fA-F:.%]+\]|[^:[\]\s]+):([0-9]{1,5})$/;

/** The URI of the stream, as given or as the destination says it listens. */
export function checkUri({ destination, local, uri }: Facts): Finding[] {
  if (uri !== undefined) return [checkOne(uri, local)];
  const listening = listeningUri(destination.migration['socket-address'] ?? []);
  if (listening !== undefined) return [ok(ID, `${listening}, where the destination listens`, EXPECTED)];
  if (local) return [ok(ID, 'A unix socket in a private folder of its own', EXPECTED)];
  return [
    refuse(ID, 'None is given, and the monitors are not both unix sockets', EXPECTED, 'Name one with --uri'),
  ];
}

/** Where a destination that was started with a URI can be reached. */
export function listeningUri(
  addresses: readonly { type: string; path?: string; host?: string; port?: string }[],
): string | undefined {
  for (const { type, path, host, port } of addresses) {
    if (type === 'unix' && path !== undefined) return `unix:${path}`;
    if (type === 'inet' && host !== undefined && port !== undefined)
      return `tcp:${host.includes(':') ? `[${host}]` : host}:${port}`;
  }
  return undefined;
}

function checkOne(uri: string, local: boolean): Finding {
  if (uri.startsWith('unix:')) {
    const path = uri.slice(5);
    if (!path.startsWith('/') || path.includes(','))
      return refuse(ID, uri, EXPECTED, 'Name an absolute path without commas');
    if (Buffer.byteLength(path) > UNIX_PATH_LIMIT)
      return refuse(
        ID,
        `${uri}, whose path has ${Buffer.byteLength(path)} bytes`,
        EXPECTED,
        `A socket’s path has at most ${UNIX_PATH_LIMIT}`,
      );
    if (!local)
      return refuse(ID, `${uri}, while a monitor is not on this host`, EXPECTED, 'Use tcp:HOST:PORT');
    return ok(ID, uri, EXPECTED);
  }
  const port = Number(TCP.exec(uri)?.[1]);
  if (!(port >= 1 && port <= 65535))
    return refuse(ID, uri, EXPECTED, 'Name the destination’s host and a port');
  return ok(ID, uri, EXPECTED);
}
