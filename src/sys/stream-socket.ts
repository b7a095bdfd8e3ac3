import { isIPv4, isIPv6 } from 'node:net';
import { DecodeError } from '../errors.ts';
import { check, Errno, systemError } from './errno.ts';
import { Fd } from './fd.ts';
import { WOULD_BLOCK } from './io.ts';
import * as libc from './libc.ts';
import * as sockets from './libc-sockets.ts';
import { BOUNCE_LENGTH, scratch } from './scratch.ts';

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_ERROR = 4;
const SO_RCVTIMEO = 20;
const SO_SNDTIMEO = 21;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const MSG_PEEK = 2;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;

type Descriptor = Pick<Fd, 'number' | 'name'>;

const SHUT = { read: 0, write: 1, both: 2 } as const;

const view = new DataView(scratch.words.buffer, scratch.words.byteOffset, scratch.words.byteLength);
/** struct sockaddr_in6, the longest that is used here. */
const ADDRESS_LENGTH = 28;
const LENGTH_AT = 32;
const OPTION_AT = 40;

/** The eight groups of a numeric IPv6 address without a zone. */
function groupsOf(host: string): number[] {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(host);
  if (dotted !== null) {
    const [a, b, c, d] = dotted.slice(2).map(Number) as [number, number, number, number];
    return groupsOf(`${dotted[1]}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`);
  }
  const [head = '', tail] = host.split('::');
  const parse = (part: string) =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const [left, right] = [parse(head), parse(tail ?? '')];
  return [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
}

/** Write the address into the scratch area. Returns its length. */
function putAddress(host: string, port: number): number {
  new Uint8Array(view.buffer, view.byteOffset, ADDRESS_LENGTH).fill(0);
  view.setUint16(2, port);
  if (isIPv4(host)) {
    view.setUint16(0, AF_INET, true);
    for (const [i, part] of host.split('.').entries()) view.setUint8(4 + i, Number(part));
    return 16;
  }
  if (!isIPv6(host) || host.includes('%'))
    throw new DecodeError('ERR_ADDRESS', 'address', `${host} is no numeric IPv4 or IPv6 address`);
  view.setUint16(0, AF_INET6, true);
  for (const [i, group] of groupsOf(host).entries()) view.setUint16(8 + 2 * i, group);
  return ADDRESS_LENGTH;
}

/** The address in the scratch area as text: `192.0.2.1:4444` or `[2001:db8::1]:4444`; empty where it is of neither kind. */
function addressText(): string {
  const family = view.getUint16(0, true);
  const port = view.getUint16(2);
  if (family === AF_INET) return `${[4, 5, 6, 7].map((at) => view.getUint8(at)).join('.')}:${port}`;
  if (family !== AF_INET6) return '';
  const groups = Array.from({ length: 8 }, (_, i) => view.getUint16(8 + 2 * i).toString(16));
  return `${new URL(`http://[${groups.join(':')}]/`).hostname}:${port}`;
}

function setOption(fd: Fd, level: number, option: number, value: number, what: string): void {
  view.setInt32(OPTION_AT, value, true);
  check(sockets.setsockopt(fd.number, level, option, scratch.address + OPTION_AT, 4), what, fd.name);
}

function tcpSocket(host: string, name: string): Fd {
  const family = isIPv4(host) ? AF_INET : AF_INET6;
  const number = check(
    libc.socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP),
    'socket',
    name,
  );
  return new Fd(number, name);
}

/** A non-blocking TCP socket that listens at a numeric address; port 0 has the kernel choose one. */
export function listenTcp(host: string, port: number, backlog = 64): Fd {
  const fd = tcpSocket(host, `listener ${host} port ${port}`);
  try {
    setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1, 'setsockopt(SO_REUSEADDR)');
    if (!isIPv4(host)) setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1, 'setsockopt(IPV6_V6ONLY)');
    const length = putAddress(host, port);
    check(sockets.bind(fd.number, scratch.address, length), 'bind', `${host} port ${port}`);
    check(libc.listen(fd.number, backlog), 'listen', fd.name);
    return fd;
  } catch (error) {
    fd[Symbol.dispose]();
    throw error;
  }
}

/**
 * Begin to connect a non-blocking TCP socket to a numeric address. It is connected, or has failed, once it is writable:
 * `socketError` says which.
 */
export function connectTcp(host: string, port: number): Fd {
  const fd = tcpSocket(host, `connection to ${host} port ${port}`);
  try {
    setNoDelay(fd);
    const length = putAddress(host, port);
    const result = sockets.connect(fd.number, scratch.address, length);
    if (result < 0 && libc.errno() !== Errno.EINPROGRESS) throw systemError('connect', fd.name);
    return fd;
  } catch (error) {
    fd[Symbol.dispose]();
    throw error;
  }
}

/** The next connection of a listening TCP socket, a blocking one, or undefined when a non-blocking listener has none. */
export function acceptTcp(listener: Fd, name: string): Fd | undefined {
  const number = sockets.accept4(listener.number, 0, 0, SOCK_CLOEXEC);
  if (number < 0) {
    const errno = libc.errno();
    // Whoever gave up before it was accepted is nobody's concern
    if (errno === Errno.EAGAIN || errno === Errno.EINTR || errno === Errno.ECONNABORTED) return undefined;
    throw systemError('accept4', listener.name);
  }
  const fd = new Fd(number, name);
  try {
    setNoDelay(fd);
    return fd;
  } catch (error) {
    fd[Symbol.dispose]();
    throw error;
  }
}

/** What a pending connect came to: 0, or the error number. Asking takes it away. */
export function socketError(fd: Fd): number {
  view.setUint32(LENGTH_AT, 4, true);
  check(
    sockets.getsockopt(
      fd.number,
      SOL_SOCKET,
      SO_ERROR,
      scratch.address + OPTION_AT,
      scratch.address + LENGTH_AT,
    ),
    'getsockopt(SO_ERROR)',
    fd.name,
  );
  return view.getInt32(OPTION_AT, true);
}

/** Send small packets at once. */
function setNoDelay(fd: Fd): void {
  setOption(fd, IPPROTO_TCP, TCP_NODELAY, 1, 'setsockopt(TCP_NODELAY)');
}

/** Where a TCP socket is bound, as text: `192.0.2.1:4444`; empty for other sockets. */
export function localAddress(fd: Fd): string {
  return named(fd, sockets.getsockname, 'getsockname');
}

/** Who a TCP socket is connected to, as text: `192.0.2.1:4444`; empty for other sockets, and when the peer has gone. */
export function remoteAddress(fd: Fd): string {
  return named(fd, sockets.getpeername, 'getpeername');
}

function named(fd: Fd, call: typeof sockets.getsockname, what: string): string {
  view.setUint16(0, 0);
  view.setUint32(LENGTH_AT, ADDRESS_LENGTH, true);
  const result = call(fd.number, scratch.address, scratch.address + LENGTH_AT);
  if (result < 0 && libc.errno() === Errno.ENOTCONN) return '';
  check(result, what, fd.name);
  return addressText();
}

/** How long one blocking call may wait for the peer, in milliseconds (SO_RCVTIMEO and SO_SNDTIMEO); 0: for ever. */
export function setSocketTimeouts(fd: Descriptor, milliseconds: number): void {
  for (const option of [SO_RCVTIMEO, SO_SNDTIMEO]) {
    view.setUint32(OPTION_AT, Math.floor(milliseconds / 1000), true);
    view.setUint32(OPTION_AT + 4, 0, true);
    view.setUint32(OPTION_AT + 8, (milliseconds % 1000) * 1000, true);
    view.setUint32(OPTION_AT + 12, 0, true);
    check(
      sockets.setsockopt(fd.number, SOL_SOCKET, option, scratch.address + OPTION_AT, 16),
      'setsockopt(SO_RCVTIMEO, SO_SNDTIMEO)',
      fd.name,
    );
  }
}

/** shutdown(2): calls that are blocked in this direction return, in every thread. A peer that has gone is no error. */
export function shutdownSocket(fd: Descriptor, how: keyof typeof SHUT): void {
  if (sockets.shutdown(fd.number, SHUT[how]) === 0 || libc.errno() === Errno.ENOTCONN) return;
  throw systemError('shutdown', fd.name);
}

/** Receive what is there, at most `into.length` bytes: how many, 0 at the end of the stream, or `WOULD_BLOCK`. */
export function receiveNow(fd: Fd, into: Uint8Array, { peek = false }: { peek?: boolean } = {}): number {
  const length = Math.min(into.length, BOUNCE_LENGTH);
  const flags = MSG_DONTWAIT | (peek ? MSG_PEEK : 0);
  const count = counted(sockets.recv(fd.number, scratch.bounceAddress, length, flags), 'recv', fd);
  if (count > 0) into.set(scratch.bounce.subarray(0, count));
  return count;
}

/** Throw away what is there to be received. */
export function discardReceived(fd: Descriptor): void {
  while (sockets.recv(fd.number, scratch.bounceAddress, BOUNCE_LENGTH, MSG_DONTWAIT) > 0);
}

/** Send as much of `bytes` as goes without waiting: how many, or `WOULD_BLOCK`. */
export function sendNow(fd: Fd, bytes: Uint8Array): number {
  const length = Math.min(bytes.length, BOUNCE_LENGTH);
  scratch.bounce.set(bytes.subarray(0, length));
  return counted(
    sockets.send(fd.number, scratch.bounceAddress, length, MSG_DONTWAIT | MSG_NOSIGNAL),
    'send',
    fd,
  );
}

function counted(result: number, syscall: string, fd: Fd): number {
  if (result >= 0) return result;
  const errno = libc.errno();
  if (errno === Errno.EAGAIN || errno === Errno.EINTR) return WOULD_BLOCK;
  throw systemError(syscall, fd.name);
}
