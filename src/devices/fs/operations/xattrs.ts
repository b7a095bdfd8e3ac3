import {
  type Exchange,
  GetxattrIn,
  GetxattrOut,
  InitFlag,
  OUT_HEADER,
  Outcome,
  SETXATTR_IN_SHORT,
  SetxattrIn,
} from '../../../fuse/index.ts';
import { Errno } from '../../../sys/index.ts';
import { XATTR_LIST_MAX, XATTR_NAME_MAX, XATTR_VALUE_MAX } from '../limits.ts';
import type { Inode } from '../tree/inode.ts';
import { nameFromBytes, nameToBytes } from '../tree/name.ts';
import { stampChanged } from '../tree/times.ts';
import type { Serving } from './serving.ts';

/** Flags of setxattr(2). */
const CREATE = 1;
const REPLACE = 2;

/** Who may use which of them is the guest's kernel's matter. `system.` is not among them: no access control lists. */
const NAMESPACES: readonly string[] = ['user.', 'trusted.', 'security.'];

/** Take the name of an attribute. Returns it, or a negative errno. */
function takeXattrName(x: Exchange): string | number {
  const error = x.takeString();
  if (error !== 0) return error;
  if (x.nameLength === 0 || x.nameLength > XATTR_NAME_MAX) return -Errno.ERANGE;
  const name = nameFromBytes(x.bytes, x.nameStart, x.nameLength);
  const space = NAMESPACES.find((namespace) => name.startsWith(namespace));
  if (space === undefined) return -Errno.EOPNOTSUPP;
  return name === space ? -Errno.EINVAL : name;
}

/** SETXATTR. */
export function setxattr(serving: Serving, x: Exchange): number {
  const { fileSystem } = serving;
  const inode = fileSystem.inodes.get(x.node);
  if (inode === undefined) return -Errno.ESTALE;
  const extended = ((fileSystem.session?.flags ?? 0n) & InitFlag.setxattrExtended) !== 0n;
  const header = extended ? SetxattrIn.size : SETXATTR_IN_SHORT;
  if (x.argumentBytes < header) return -Errno.EINVAL;
  x.skip(header);
  const name = takeXattrName(x);
  if (typeof name === 'number') return name;
  const size = x.u32(SetxattrIn.offsets.size);
  const flags = x.u32(SetxattrIn.offsets.flags);
  if (size > XATTR_VALUE_MAX) return -Errno.E2BIG;
  if (x.at + size !== x.length || flags & ~(CREATE | REPLACE)) return -Errno.EINVAL;
  const exists = inode.xattrs?.has(name) === true;
  if (flags & CREATE && exists) return -Errno.EEXIST;
  if (flags & REPLACE && !exists) return -Errno.ENODATA;
  if (!exists && listLength(inode) + name.length + 1 > XATTR_LIST_MAX) return -Errno.ENOSPC;
  if (!fileSystem.setXattr(inode, name, x.bytes.slice(x.at, x.at + size))) return -Errno.ENOSPC;
  fileSystem.clock.tick();
  stampChanged(inode, fileSystem.clock);
  return 0;
}

/** GETXATTR: the value, or with `size` 0 its length. */
export function getxattr(serving: Serving, x: Exchange): number {
  const inode = serving.fileSystem.inodes.get(x.node);
  if (inode === undefined) return -Errno.ESTALE;
  x.skip(GetxattrIn.size);
  const name = takeXattrName(x);
  if (typeof name === 'number') return name;
  const value = inode.xattrs?.get(name);
  if (value === undefined) return -Errno.ENODATA;
  const size = x.u32(GetxattrIn.offsets.size);
  if (size === 0) return answerSize(x, value.length);
  if (value.length > size || value.length > x.room) return -Errno.ERANGE;
  x.begin(value.length);
  x.writable.write(value);
  return Outcome.sent;
}

/** LISTXATTR: the names, or with `size` 0 their length. */
export function listxattr(serving: Serving, x: Exchange): number {
  const inode = serving.fileSystem.inodes.get(x.node);
  if (inode === undefined) return -Errno.ESTALE;
  const size = x.u32(GetxattrIn.offsets.size);
  const length = listLength(inode);
  if (size === 0) return answerSize(x, length);
  if (length > size || length > x.room) return -Errno.ERANGE;
  let at = OUT_HEADER;
  for (const name of inode.xattrs?.keys() ?? []) {
    nameToBytes(name, x.reply, at);
    at += name.length;
    x.reply[at++] = 0;
  }
  return length;
}

/** REMOVEXATTR. */
export function removexattr(serving: Serving, x: Exchange): number {
  const { fileSystem } = serving;
  const inode = fileSystem.inodes.get(x.node);
  if (inode === undefined) return -Errno.ESTALE;
  const name = takeXattrName(x);
  if (typeof name === 'number') return name;
  if (!fileSystem.removeXattr(inode, name)) return -Errno.ENODATA;
  fileSystem.clock.tick();
  stampChanged(inode, fileSystem.clock);
  return 0;
}

function listLength(inode: Inode): number {
  let length = 0;
  for (const name of inode.xattrs?.keys() ?? []) length += name.length + 1;
  return length;
}

function answerSize(x: Exchange, size: number): number {
  x.put32(GetxattrOut.offsets.size, size);
  x.put32(GetxattrOut.offsets.size + 4, 0);
  return GetxattrOut.size;
}
