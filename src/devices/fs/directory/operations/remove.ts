import type { Exchange } from '../../../../fuse/index.ts';
import { fileStatus, removeName, statusAt } from '../../../../sys/index.ts';
import { FileType } from '../../tree/inode.ts';
import type { HostInode } from '../inode.ts';
import type { Share } from '../share.ts';
import { directoryAt, noDirectoryAt, type Serving } from './serving.ts';

/** UNLINK: take a name from a file that is no directory. */
export function unlink(serving: Serving, x: Exchange): number {
  return remove(serving, x, false);
}

/** RMDIR: remove an empty directory. */
export function rmdir(serving: Serving, x: Exchange): number {
  return remove(serving, x, true);
}

function remove(serving: Serving, x: Exchange, directory: boolean): number {
  const { fileSystem: share } = serving;
  const parent = directoryAt(serving, x.node);
  if (parent === undefined) return noDirectoryAt(serving, x.node);
  const error = x.takeNewName();
  if (error < 0) return error;
  const dir = share.inodes.descriptor(parent);
  if (dir < 0) return dir;
  const inode = inodeToLose(share, dir, x.nameAddress);
  const result = removeName(dir, x.nameAddress, directory);
  if (result === 0 && inode !== undefined) lost(share, inode);
  return result;
}

/**
 * The inode, if the guest refers to it, whose name `name` in the directory `dir` is about to go. It is held by a
 * descriptor from now on: once it has no name, it could not be opened again.
 */
export function inodeToLose({ inodes }: Share, dir: number, name: number): HostInode | undefined {
  if (statusAt(dir, name) < 0) return undefined;
  const inode = inodes.find();
  if (inode === undefined) return undefined;
  const isLast = inode.type === FileType.directory || fileStatus.nlink === 1;
  inodes.descriptor(inode);
  return isLast ? inode : undefined;
}

/** The last name of `inode` has gone. */
export function lost({ inodes }: Share, inode: HostInode): void {
  inode.removed = true;
  inodes.displace(inode);
}
