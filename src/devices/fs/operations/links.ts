import { type Exchange, Outcome } from '../../../fuse/index.ts';
import { Errno } from '../../../sys/index.ts';
import { stampRead } from '../tree/times.ts';
import type { Serving } from './serving.ts';

/** READLINK: where a symbolic link points to. */
export function readlink(serving: Serving, x: Exchange): number {
  const inode = serving.fileSystem.inodes.get(x.node);
  if (inode === undefined) return -Errno.ESTALE;
  const { target } = inode;
  if (target === undefined) return -Errno.EINVAL;
  if (target.length > x.room) return -Errno.ENAMETOOLONG;
  x.begin(target.length);
  x.writable.write(target);
  stampRead(inode, serving.fileSystem.clock);
  return Outcome.sent;
}
