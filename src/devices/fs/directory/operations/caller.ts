import { EXTENSION_GROUPS, type Exchange, ExtensionHeader } from '../../../../fuse/index.ts';
import { Errno } from '../../../../sys/index.ts';
import type { Share } from '../share.ts';

/**
 * Take what follows behind the names of a request that makes a file: of the extensions only the group counts that the
 * caller is in, and that the directory belongs to. Returns the group, undefined where there is none, or a negative errno.
 */
function takeGroup(x: Exchange): number | undefined {
  let group: number | undefined;
  while (x.at < x.length) {
    if (x.at + ExtensionHeader.size > x.length) return -Errno.EINVAL;
    const { size, type } = ExtensionHeader.decode(x.bytes, x.at);
    if (size < ExtensionHeader.size || x.at + size > x.length) return -Errno.EINVAL;
    if (type === EXTENSION_GROUPS && size >= ExtensionHeader.size + 8) {
      const groups = x.view.getUint32(x.at + ExtensionHeader.size, true);
      if (groups !== 1) return -Errno.EINVAL;
      group = x.view.getUint32(x.at + ExtensionHeader.size + 4, true);
    }
    x.at += Math.ceil(size / 8) * 8;
  }
  return group;
}

/**
 * Run `make`, which makes something in the directory `dir`, as the guest's user who asked for it. It gets the address of
 * the name taken last; what is left of the request are its extensions.
 */
export function asCaller(
  { setup: { credentials } }: Share,
  x: Exchange,
  dir: number,
  make: (dir: number, x: Exchange) => number,
): number {
  const group = x.at === x.length ? undefined : takeGroup(x);
  if (group !== undefined && group < 0) return group;
  const { uid, gid } = x;
  // A request before may have been one that takes setuid and setgid away; what the guest's root makes keeps them.
  if (uid === 0) credentials.keepSetIds(true);
  const refused = credentials.become(uid, gid, group);
  if (refused < 0) return refused;
  const result = make(dir, x);
  credentials.restore(uid, gid, group);
  return result;
}
