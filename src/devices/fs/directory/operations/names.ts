import type { Exchange } from '../../../../fuse/index.ts';
import { closeFile, Errno, openBeneath, statusAt, statusOf } from '../../../../sys/index.ts';
import { FileType } from '../../tree/inode.ts';
import type { HostInode } from '../inode.ts';
import { HOLD } from '../inode-table.ts';
import type { Share } from '../share.ts';
import { answerEntry, answerNoEntry } from './answers.ts';
import type { Serving } from './serving.ts';

/**
 * The inode of the file that is called `name` in the directory `dir`, or a negative errno; `fileStatus` describes it. A
 * file that the guest refers to already is known by its identity, without being opened.
 */
export function inodeNamed({ inodes }: Share, dir: number, name: number): HostInode | number {
  const error = statusAt(dir, name);
  if (error < 0) return error;
  const known = inodes.find();
  if (known !== undefined) return known;
  if (!inodes.hasRoom) return -Errno.ENFILE;
  const fd = openBeneath(dir, name, HOLD);
  return fd < 0 ? fd : inodeHeld({ inodes }, fd);
}

/** The inode of the file that `fd` points at: a new one, which the descriptor goes to, or one that is known. */
export function inodeHeld({ inodes }: Pick<Share, 'inodes'>, fd: number): HostInode | number {
  const error = statusOf(fd);
  const known = error < 0 ? undefined : inodes.find();
  if (error === 0 && known === undefined) return inodes.add(fd);
  closeFile(fd);
  return known ?? error;
}

/** Look the name taken last up in `parent`. The guest holds one more reference to what is found. */
export function lookUp(share: Share, x: Exchange, parent: HostInode, dir: number): HostInode | number {
  const inode = inodeNamed(share, dir, x.nameAddress);
  if (typeof inode === 'number') return inode;
  inode.lookups++;
  share.inodes.place(inode, parent, x.bytes, x.nameStart, x.nameLength);
  return inode;
}

/** LOOKUP: a name in a directory. */
export function lookup({ fileSystem: share }: Serving, x: Exchange): number {
  const parent = share.inodes.get(x.node);
  if (parent === undefined) return -Errno.ESTALE;
  const error = x.takeName();
  if (error !== 0) return error;
  if (x.dots > 0) return lookUpDots(share, x, parent);
  if (parent.type !== FileType.directory) return -Errno.ENOTDIR;
  const dir = share.inodes.descriptor(parent);
  if (dir < 0) return dir;
  const inode = lookUp(share, x, parent, dir);
  if (typeof inode !== 'number') return answerEntry(x, share, inode);
  return inode === -Errno.ENOENT ? answerNoEntry(x, share) : inode;
}

/**
 * `.` and `..`, which NFS servers ask for. What is above a directory is where it was seen last, if it still is there; the
 * host's own `..` could lead out of the shared directory.
 */
function lookUpDots(share: Share, x: Exchange, inode: HostInode): number {
  const { inodes, root } = share;
  let found: HostInode | undefined = inode;
  if (x.dots === 2) {
    if (inode.type !== FileType.directory) return -Errno.ENOTDIR;
    found = inode === root ? root : inodes.parentOf(inode);
  }
  if (found === undefined) return -Errno.ESTALE;
  const fd = inodes.descriptor(found);
  const error = fd < 0 ? fd : statusOf(fd);
  if (error < 0) return error;
  found.lookups++;
  return answerEntry(x, share, found);
}
