import { DecodeError } from '../errors.ts';
import { check, Errno, systemError } from './errno.ts';
import { closeAll, Fd } from './fd.ts';
import { WOULD_BLOCK } from './io.ts';
import * as libc from './libc.ts';
import { BOUNCE_LENGTH, scratch } from './scratch.ts';

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const SO_TYPE = 3;
const SO_PEERCRED = 17;
const SO_ACCEPTCONN = 30;
const SO_DOMAIN = 39;
const MSG_CTRUNC = 8;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;
const PATH_LIMIT = 107;
const CONTROL_OFFSET = 256;
const CMSG_HEADER = 16;

/** Descriptors that one message can carry either way. */
export const MAX_FDS = 64;

function addressOf(path: string): Uint8Array {
  const bytes = new TextEncoder().encode(path);
  if (bytes.length > PATH_LIMIT)
    throw new DecodeError(
      'ERR_SOCKET_PATH',
      'socket path',
      `${path} has ${bytes.length} bytes, a unix socket's path at most ${PATH_LIMIT}`,
    );
  const address = new Uint8Array(2 + bytes.length + 1);
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(bytes, 2);
  return address;
}

function createSocket(name: string, flags = 0): Fd {
  return new Fd(check(libc.socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0), 'socket', name), name);
}

/** A unix stream socket that listens at `path`, which must not exist yet. */
export function listenUnix(path: string, backlog = 16): Fd {
  const fd = createSocket(`listener ${path}`);
  try {
    const address = addressOf(path);
    check(libc.bind(fd.number, address, address.length), 'bind', path);
    check(libc.listen(fd.number, backlog), 'listen', path);
    return fd;
  } catch (error) {
    fd[Symbol.dispose]();
    throw error;
  }
}

/**
 * A unix stream socket connected to whoever listens at `path`. It waits for room in the listener's queue; with `dontWait`
 * it fails with EAGAIN instead, and the socket is non-blocking.
 */
export function connectUnix(path: string, { dontWait = false }: { dontWait?: boolean } = {}): Fd {
  const fd = createSocket(`connection to ${path}`, dontWait ? SOCK_NONBLOCK : 0);
  try {
    const address = addressOf(path);
    check(libc.connect(fd.number, address, address.length), 'connect', path);
    return fd;
  } catch (error) {
    fd[Symbol.dispose]();
    throw error;
  }
}

/** The next connection of a listening socket, or undefined when a non-blocking listener has none. */
export function acceptUnix(listener: Fd, name: string): Fd | undefined {
  const number = libc.accept4(listener.number, 0, 0, SOCK_CLOEXEC);
  if (number >= 0) return new Fd(number, name);
  const errno = libc.errno();
  if (errno === Errno.EAGAIN || errno === Errno.EINTR || errno === Errno.ECONNABORTED) return undefined;
  throw systemError('accept4', listener.name);
}

/** Two connected unix stream sockets. */
export function createSocketPair(name: string): [Fd, Fd] {
  const fds = new Int32Array(2);
  check(libc.socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 'socketpair', name);
  return [new Fd(fds[0]!, `${name}, first`), new Fd(fds[1]!, `${name}, second`)];
}

/** A process as the kernel knows it. */
export interface Credentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** Who is at the other end of a connected unix socket (SO_PEERCRED). */
export function peerCredentials(socket: Pick<Fd, 'number' | 'name'>): Credentials {
  const value = new Uint8Array(12);
  const length = new Uint8Array(new Uint32Array([12]).buffer);
  check(
    libc.getsockopt(socket.number, SOL_SOCKET, SO_PEERCRED, value, length),
    'getsockopt(SO_PEERCRED)',
    socket.name,
  );
  const [pid, uid, gid] = new Int32Array(value.buffer);
  return { pid: pid!, uid: uid!, gid: gid! };
}

/** What an inherited descriptor is: a unix stream socket that listens, one that is (or was) connected, or neither. */
export function unixSocketKind(fd: Fd): 'listening' | 'connected' | undefined {
  if (socketOption(fd, SO_DOMAIN) !== AF_UNIX || socketOption(fd, SO_TYPE) !== SOCK_STREAM) return undefined;
  return socketOption(fd, SO_ACCEPTCONN) === 1 ? 'listening' : 'connected';
}

/** The integer value of a socket option; undefined where `fd` is no socket. */
function socketOption(fd: Fd, option: number): number | undefined {
  const value = new Int32Array(1);
  const length = new Uint8Array(new Uint32Array([4]).buffer);
  const result = libc.getsockopt(fd.number, SOL_SOCKET, option, new Uint8Array(value.buffer), length);
  return result < 0 ? undefined : value[0];
}

function prepareHeader(length: number, controlLength: number): void {
  const { words, address, bounceAddress } = scratch;
  words[0] = 0n;
  words[1] = 0n;
  words[2] = BigInt(address + 64);
  words[3] = 1n;
  words[4] = controlLength === 0 ? 0n : BigInt(address + CONTROL_OFFSET);
  words[5] = BigInt(controlLength);
  words[6] = 0n;
  words[8] = BigInt(bounceAddress);
  words[9] = BigInt(length);
}

/**
 * Send `bytes` (at most `BOUNCE_LENGTH`) and, with its first byte, the descriptors numbered in `fds`. Returns how many
 * bytes went, or `WOULD_BLOCK`; when bytes are left over, the rest is sent without descriptors.
 */
export function sendMessage(
  socket: Fd,
  bytes: Uint8Array,
  fds: readonly number[] = [],
  { dontWait = false }: { dontWait?: boolean } = {},
): number {
  if (bytes.length > BOUNCE_LENGTH || fds.length > MAX_FDS)
    throw new RangeError(
      `A message of ${bytes.length} bytes and ${fds.length} descriptors is over the limit`,
    );
  scratch.bounce.set(bytes);
  const used = CMSG_HEADER + 4 * fds.length;
  prepareHeader(bytes.length, fds.length === 0 ? 0 : CMSG_HEADER + Math.ceil(fds.length / 2) * 8);
  if (fds.length > 0) {
    scratch.words[CONTROL_OFFSET / 8] = BigInt(used);
    scratch.ints[CONTROL_OFFSET / 4 + 2] = SOL_SOCKET;
    scratch.ints[CONTROL_OFFSET / 4 + 3] = SCM_RIGHTS;
    for (let i = 0; i < fds.length; i++) scratch.ints[CONTROL_OFFSET / 4 + 4 + i] = fds[i]!;
  }
  const sent = libc.sendmsg(socket.number, scratch.address, MSG_NOSIGNAL | (dontWait ? MSG_DONTWAIT : 0));
  if (sent >= 0) return Number(sent);
  const errno = libc.errno();
  if (errno === Errno.EAGAIN || errno === Errno.EINTR) return WOULD_BLOCK;
  throw systemError('sendmsg', socket.name);
}

/**
 * Receive at most `into.length` bytes (up to `BOUNCE_LENGTH`). Descriptors that come with them are appended to `fds`,
 * wrapped and close-on-exec, before anything can throw. Returns the number of bytes, 0 at the end of the stream, or
 * `WOULD_BLOCK`. More than `MAX_FDS` descriptors in one message close them all and throw `ERR_TOO_MANY_FDS`.
 */
export function receiveMessage(
  socket: Fd,
  into: Uint8Array,
  fds: Fd[],
  { dontWait = false }: { dontWait?: boolean } = {},
): number {
  const length = Math.min(into.length, BOUNCE_LENGTH);
  prepareHeader(length, CMSG_HEADER + 4 * MAX_FDS);
  const flags = MSG_CMSG_CLOEXEC | (dontWait ? MSG_DONTWAIT : 0);
  const received = libc.recvmsg(socket.number, scratch.address, flags);
  if (received < 0) {
    const errno = libc.errno();
    if (errno === Errno.EAGAIN || errno === Errno.EINTR) return WOULD_BLOCK;
    throw systemError('recvmsg', socket.name);
  }
  collectFds(Number(scratch.words[5]), socket.name, fds);
  if ((scratch.ints[12]! & MSG_CTRUNC) !== 0) {
    closeAll(fds);
    throw new DecodeError(
      'ERR_TOO_MANY_FDS',
      'descriptors',
      `More than ${MAX_FDS} came with one message on ${socket.name}`,
    );
  }
  into.set(scratch.bounce.subarray(0, Number(received)));
  return Number(received);
}

function collectFds(controlLength: number, name: string, fds: Fd[]): void {
  let at = CONTROL_OFFSET;
  const end = CONTROL_OFFSET + controlLength;
  while (at + CMSG_HEADER <= end) {
    const length = Number(scratch.words[at / 8]);
    if (length < CMSG_HEADER || at + length > end) return;
    if (scratch.ints[at / 4 + 2] === SOL_SOCKET && scratch.ints[at / 4 + 3] === SCM_RIGHTS)
      for (let i = 0; i < (length - CMSG_HEADER) >> 2; i++)
        fds.push(new Fd(scratch.ints[at / 4 + 4 + i]!, `received on ${name}`));
    at += Math.ceil(length / 8) * 8;
  }
}
