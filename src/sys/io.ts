import { check, Errno, systemError } from './errno.ts';
import { Fd } from './fd.ts';
import * as libc from './libc.ts';

const O_CLOEXEC = 0o2000000;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const F_SETPIPE_SZ = 1031;

/** What a non-blocking call returns instead of a count when it would have to wait. */
export const WOULD_BLOCK = -1;

function transferred(result: number, syscall: string, name: string): number {
  if (result >= 0) return Number(result);
  const errno = libc.errno();
  if (errno === Errno.EAGAIN || errno === Errno.EINTR) return WOULD_BLOCK;
  throw systemError(syscall, name);
}

/** Both ends of a new pipe, close-on-exec. */
export function createPipe(name: string): { read: Fd; write: Fd } {
  const fds = new Int32Array(2);
  check(libc.pipe2(fds, O_CLOEXEC), 'pipe2', name);
  return { read: new Fd(fds[0]!, `${name}, read end`), write: new Fd(fds[1]!, `${name}, write end`) };
}

/** Ask for room for `length` bytes in a pipe; what is no pipe, or may not have that much, stays as it is. */
export function widenPipe(fd: Fd, length: number): void {
  libc.fcntl(fd.number, F_SETPIPE_SZ, length);
}

/** read(2) into `into`: bytes read, 0 at the end of the stream, or `WOULD_BLOCK`. */
export function readInto(fd: Fd, into: Uint8Array): number {
  return transferred(libc.read(fd.number, into, into.length), 'read', fd.name);
}

/** write(2) from `from`: bytes written, or `WOULD_BLOCK`. */
export function writeFrom(fd: Fd, from: Uint8Array): number {
  return transferred(libc.write(fd.number, from, from.length), 'write', fd.name);
}

/** write(2) straight from mapped memory at `address`: bytes written, or `WOULD_BLOCK`. */
export function writeFromAddress(fd: Fd, address: number, length: number): number {
  return transferred(libc.writeAddress(fd.number, address, length), 'write', fd.name);
}

/** pread(2): bytes read into `into` from `offset` of a file on, 0 at its end. */
export function readAt(fd: Fd, into: Uint8Array, offset: number): number {
  for (;;) {
    const count = transferred(libc.pread(fd.number, into, into.length, offset), 'pread', fd.name);
    if (count !== WOULD_BLOCK) return count;
  }
}

/** Where data begins in a file at or after `offset`, or undefined when there is none before its end. */
export function seekData(fd: Fd, offset: number): number | undefined {
  return seek(fd, offset, SEEK_DATA);
}

/** Where a hole begins in a file at or after `offset`, its end at the latest; undefined from the end on. */
export function seekHole(fd: Fd, offset: number): number | undefined {
  return seek(fd, offset, SEEK_HOLE);
}

function seek(fd: Fd, offset: number, whence: number): number | undefined {
  const found = Number(libc.lseek(fd.number, offset, whence));
  if (found >= 0) return found;
  if (libc.errno() === Errno.ENXIO) return undefined;
  throw systemError('lseek', fd.name);
}

/** pwrite(2) until all of `bytes` is in the file, from `offset` on. */
export function writeAt(fd: Fd, bytes: Uint8Array, offset: number): void {
  let rest = bytes;
  let at = offset;
  while (rest.length > 0) {
    const written = transferred(libc.pwrite(fd.number, rest, rest.length, at), 'pwrite', fd.name);
    if (written === WOULD_BLOCK) continue;
    at += written;
    rest = rest.subarray(written);
  }
}
