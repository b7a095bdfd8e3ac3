import {
  EXTENSION_FIRST_TYPE,
  type Exchange,
  ExtensionHeader,
  SecurityContext,
} from '../../../fuse/index.ts';
import { Errno } from '../../../sys/index.ts';
import { XATTR_NAME_MAX } from '../limits.ts';
import type { FileSystem } from '../tree/file-system.ts';
import type { Inode } from '../tree/inode.ts';
import { nameFromBytes } from '../tree/name.ts';

/** An extended attribute that a new file is born with. */
export interface BirthAttribute {
  readonly name: string;
  readonly value: Uint8Array;
}

const NAMESPACE = 'security.';
const NONE: readonly BirthAttribute[] = [];

function aligned(size: number): number {
  return Math.ceil(size / 8) * 8;
}

/**
 * The security contexts that follow behind the names of a request which makes a file, in its extensions. Returns a
 * negative errno where they are malformed.
 */
export function takeSecurityContexts(x: Exchange): readonly BirthAttribute[] | number {
  if (x.at === x.length) return NONE;
  const found: BirthAttribute[] = [];
  while (x.at < x.length) {
    if (x.at + ExtensionHeader.size > x.length) return -Errno.EINVAL;
    const { size, type } = ExtensionHeader.decode(x.bytes, x.at);
    const end = x.at + size;
    if (size < ExtensionHeader.size || end > x.length) return -Errno.EINVAL;
    if (type < EXTENSION_FIRST_TYPE && !takeContexts(x, type, end, found)) return -Errno.EINVAL;
    x.at += aligned(size);
  }
  return found;
}

/** Take the `count` contexts in an extension that ends at `end`. */
function takeContexts(x: Exchange, count: number, end: number, found: BirthAttribute[]): boolean {
  let at = x.at + ExtensionHeader.size;
  for (let i = 0; i < count; i++) {
    if (at + SecurityContext.size > end) return false;
    const { size } = SecurityContext.decode(x.bytes, at);
    const name = at + SecurityContext.size;
    const close = x.bytes.indexOf(0, name);
    const value = close + 1;
    if (close <= name || close - name > XATTR_NAME_MAX || value + size > end) return false;
    const attribute = nameFromBytes(x.bytes, name, close - name);
    if (!attribute.startsWith(NAMESPACE)) return false;
    if (size > 0) found.push({ name: attribute, value: x.bytes.slice(value, value + size) });
    at = x.at + aligned(value + size - x.at);
  }
  return true;
}

/** Whether the file system has room for what a new file is born with. */
export function hasRoomFor(fileSystem: FileSystem, attributes: readonly BirthAttribute[]): boolean {
  const bytes = attributes.reduce((sum, { name, value }) => sum + name.length + value.length, 0);
  return fileSystem.xattrBytes + bytes <= fileSystem.limits.xattrBytes;
}

/** Give a new file what it is born with; there is room for it. */
export function setBirthAttributes(
  fileSystem: FileSystem,
  inode: Inode,
  attributes: readonly BirthAttribute[],
): void {
  for (const { name, value } of attributes) fileSystem.setXattr(inode, name, value);
}
