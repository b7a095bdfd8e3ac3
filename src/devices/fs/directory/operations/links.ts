import type { Exchange } from '../../../../fuse/index.ts';
import { Errno, readLink } from '../../../../sys/index.ts';
import { SYMLINK_MAX } from '../../limits.ts';
import { FileType } from '../../tree/inode.ts';
import type { Serving } from './serving.ts';

/** READLINK: where a symbolic link points to. What that means is the guest's matter; nothing here follows it. */
export function readlink({ fileSystem: { inodes } }: Serving, x: Exchange): number {
  const inode = inodes.get(x.node);
  if (inode === undefined) return -Errno.ESTALE;
  if (inode.type !== FileType.symlink) return -Errno.EINVAL;
  const fd = inodes.descriptor(inode);
  if (fd < 0) return fd;
  const length = readLink(fd, x.bodyAddress, SYMLINK_MAX + 1);
  return length > x.room ? -Errno.ENAMETOOLONG : length;
}
