import { Errno, systemError } from './errno.ts';
import * as libc from './libc.ts';

/** Bytes that a list of names, and a value, can have: what Linux allows. */
const MAX_SIZE = 65536;

const buffer = new Uint8Array(MAX_SIZE);

function cString(bytes: Uint8Array): Uint8Array {
  const terminated = new Uint8Array(bytes.length + 1);
  terminated.set(bytes);
  return terminated;
}

/**
 * The extended attributes of a file, symbolic links not followed: names with one character per byte, and values. Empty
 * where the file system has none. Throws `SystemError`.
 */
export function readXattrs(path: Uint8Array): Map<string, Uint8Array> {
  const xattrs = new Map<string, Uint8Array>();
  const file = cString(path);
  const length = Number(libc.llistxattr(file, buffer, MAX_SIZE));
  if (length < 0) {
    if (libc.errno() === Errno.EOPNOTSUPP) return xattrs;
    throw systemError('llistxattr', Buffer.from(path).toString());
  }
  const names = Buffer.from(buffer.subarray(0, length)).toString('latin1').split('\0');
  for (const name of names.filter((each) => each !== '')) {
    const size = Number(libc.lgetxattr(file, cString(Buffer.from(name, 'latin1')), buffer, MAX_SIZE));
    if (size >= 0) xattrs.set(name, buffer.slice(0, size));
    // Gone since, or one of those that only a privileged process may read.
    else if (libc.errno() !== Errno.ENODATA && libc.errno() !== Errno.EPERM && libc.errno() !== Errno.EACCES)
      throw systemError('lgetxattr', `${name} of ${Buffer.from(path).toString()}`);
  }
  return xattrs;
}
