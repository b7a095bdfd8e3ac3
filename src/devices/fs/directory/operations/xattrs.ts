import {
  type Exchange,
  GetxattrIn,
  GetxattrOut,
  InitFlag,
  OUT_HEADER,
  SETXATTR_IN_SHORT,
  SetxattrIn,
} from '../../../../fuse/index.ts';
import {
  Errno,
  fileScratch,
  listAttributes,
  readAttribute,
  removeAttribute,
  writeAttribute,
} from '../../../../sys/index.ts';
import { XATTR_NAME_MAX, XATTR_VALUE_MAX } from '../../limits.ts';
import { descriptorAt, type Serving } from './serving.ts';

/**
 * The attributes that are let through: those of users, those that only root sees and the host's kernel gives no meaning,
 * and file capabilities. All others mean something to the host: labels of its security modules, access control lists,
 * which the guest's kernel would not go by.
 */
const SPACES = ['user.', 'trusted.'].map((space) => Buffer.from(space));
const CAPABILITIES = Buffer.from('security.capability');

const buffer = fileScratch.buffer;

function startsWith(bytes: Uint8Array, start: number, prefix: Uint8Array): boolean {
  for (let i = 0; i < prefix.length; i++) if (bytes[start + i] !== prefix[i]) return false;
  return true;
}

/** Whether the name of `length` bytes from `start` is let through. */
function isLetThrough(bytes: Uint8Array, start: number, length: number): boolean {
  if (length === CAPABILITIES.length && startsWith(bytes, start, CAPABILITIES)) return true;
  return SPACES.some((space) => length >= space.length && startsWith(bytes, start, space));
}

/** Take the name of an attribute. Returns 0 or a negative errno. */
function takeXattrName(x: Exchange): number {
  const error = x.takeString();
  if (error !== 0) return error;
  if (x.nameLength === 0 || x.nameLength > XATTR_NAME_MAX) return -Errno.ERANGE;
  return isLetThrough(x.bytes, x.nameStart, x.nameLength) ? 0 : -Errno.EOPNOTSUPP;
}

/** SETXATTR. */
export function setxattr(serving: Serving, x: Exchange): number {
  const fd = descriptorAt(serving, x);
  if (fd < 0) return fd;
  const flags = serving.fileSystem.session?.flags ?? 0n;
  const header = flags & InitFlag.setxattrExtended ? SetxattrIn.size : SETXATTR_IN_SHORT;
  if (x.argumentBytes < header) return -Errno.EINVAL;
  x.skip(header);
  const error = takeXattrName(x);
  if (error < 0) return error;
  const size = x.u32(SetxattrIn.offsets.size);
  if (size > XATTR_VALUE_MAX) return -Errno.E2BIG;
  if (x.at + size !== x.length) return -Errno.EINVAL;
  return writeAttribute(fd, x.nameAddress, x.address + x.at, size, x.u32(SetxattrIn.offsets.flags));
}

/** GETXATTR: the value, or with `size` 0 its length. */
export function getxattr(serving: Serving, x: Exchange): number {
  const fd = descriptorAt(serving, x);
  if (fd < 0) return fd;
  x.skip(GetxattrIn.size);
  const error = takeXattrName(x);
  if (error < 0) return error;
  const size = x.u32(GetxattrIn.offsets.size);
  const room = Math.min(size, x.room, XATTR_VALUE_MAX);
  const length = readAttribute(fd, x.nameAddress, x.bodyAddress, room);
  return size > 0 || length < 0 ? length : answerSize(x, length);
}

/** LISTXATTR: the names, or with `size` 0 their length. */
export function listxattr(serving: Serving, x: Exchange): number {
  const fd = descriptorAt(serving, x);
  if (fd < 0) return fd;
  const listed = listAttributes(fd, buffer.address, buffer.bytes.length);
  if (listed < 0) return listed;
  const size = x.u32(GetxattrIn.offsets.size);
  let length = 0;
  for (let at = 0; at < listed; ) {
    const end = buffer.bytes.indexOf(0, at) + 1;
    if (isLetThrough(buffer.bytes, at, end - 1 - at)) {
      x.reply.set(buffer.bytes.subarray(at, end), OUT_HEADER + length);
      length += end - at;
    }
    at = end;
  }
  if (size === 0) return answerSize(x, length);
  return length > size || length > x.room ? -Errno.ERANGE : length;
}

/** REMOVEXATTR. */
export function removexattr(serving: Serving, x: Exchange): number {
  const fd = descriptorAt(serving, x);
  if (fd < 0) return fd;
  const error = takeXattrName(x);
  return error < 0 ? error : removeAttribute(fd, x.nameAddress);
}

function answerSize(x: Exchange, size: number): number {
  x.put32(GetxattrOut.offsets.size, size);
  x.put32(GetxattrOut.offsets.size + 4, 0);
  return GetxattrOut.size;
}
