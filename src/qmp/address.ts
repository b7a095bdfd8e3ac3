import { QmpConnectError } from './errors.ts';

/** Where a monitor listens. */
export type QmpAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

const LOOPBACK = /^(localhost|::1|127(\.\d{1,3}){3})$/;

/**
 * Read `unix:PATH`, `/PATH`, `./PATH`, `tcp:HOST:PORT` or `HOST:PORT`. A monitor has neither passwords nor encryption, so that a
 * host beyond the loopback is refused: forward its socket instead (`ssh -L /tmp/q.sock:/run/q.sock host`).
 */
export function parseQmpAddress(text: string): QmpAddress {
  if (text.startsWith('unix:')) return unix(text.slice(5), text);
  if (text.startsWith('/') || text.startsWith('./') || text.startsWith('../')) return unix(text, text);
  const match = /^(?:tcp:)?(?:\[([^\]]+)\]|([^:[\]/]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port < 1 || port > 65535)
    throw new QmpConnectError(
      `${text} is no monitor address: found neither unix:PATH, /PATH nor tcp:HOST:PORT`,
    );
  if (!LOOPBACK.test(host))
    throw new QmpConnectError(
      `${text} is not on this host: a monitor has no authentication, so forward its unix socket here, for example with ssh -L`,
    );
  return { kind: 'tcp', host, port };
}

function unix(path: string, text: string): QmpAddress {
  if (path === '') throw new QmpConnectError(`${text} names no path`);
  return { kind: 'unix', path: path.split(',')[0]! };
}

/** The address as it is shown to people. */
export function formatQmpAddress(address: QmpAddress): string {
  return address.kind === 'unix' ? address.path : `${address.host}:${address.port}`;
}
