import type { Exchange } from '../../../../fuse/index.ts';
import { moveName, statusAt } from '../../../../sys/index.ts';
import { RenameFlag, renamePlainly, renameWithFlags } from '../../serving/rename-flags.ts';
import type { HostInode } from '../inode.ts';
import type { Share } from '../share.ts';
import { inodeToLose, lost } from './remove.ts';
import { directoryAt, noDirectoryAt, type Serving } from './serving.ts';

/** RENAME. */
export function rename(serving: Serving, x: Exchange): number {
  return renamePlainly(serving, x, move);
}

/** RENAME2, with flags. */
export function rename2(serving: Serving, x: Exchange): number {
  return renameWithFlags(serving, x, move);
}

function move(serving: Serving, x: Exchange, newDirectory: number, flags: number): number {
  const { fileSystem: share } = serving;
  const { inodes, setup } = share;
  const from = directoryAt(serving, x.node);
  const to = directoryAt(serving, newDirectory);
  if (from === undefined) return noDirectoryAt(serving, x.node);
  if (to === undefined) return noDirectoryAt(serving, newDirectory);
  const error = x.takeNewName();
  if (error < 0) return error;
  const { nameStart, nameLength, nameAddress } = x;
  const newError = x.takeNewName();
  if (newError < 0) return newError;
  const dir = inodes.descriptor(from);
  const newDir = inodes.descriptor(to);
  if (dir < 0 || newDir < 0) return Math.min(dir, newDir);
  const replaced = flags & RenameFlag.exchange ? undefined : inodeToLose(share, newDir, x.nameAddress);
  // What is left in the place of the file, a device node of no device, belongs to the caller.
  const asCaller = (flags & RenameFlag.whiteout) !== 0;
  if (asCaller) {
    const refused = setup.credentials.become(x.uid, x.gid, undefined);
    if (refused < 0) return refused;
  }
  const result = moveName(dir, nameAddress, newDir, x.nameAddress, flags);
  if (asCaller) setup.credentials.restore(x.uid, x.gid, undefined);
  if (result < 0) return result;
  const moved = placeAgain(share, newDir, to, x, x.nameStart, x.nameLength);
  if (flags & RenameFlag.exchange) placeAgain(share, dir, from, x, nameStart, nameLength);
  if (replaced !== undefined && replaced !== moved) lost(share, replaced);
  return 0;
}

/** What has the name of `length` bytes from `start` in `dir` by now is seen there from now on. Returns it, if known. */
function placeAgain(
  { inodes }: Share,
  dir: number,
  parent: HostInode,
  x: Exchange,
  start: number,
  length: number,
): HostInode | undefined {
  if (statusAt(dir, x.address + start) < 0) return undefined;
  const inode = inodes.find();
  if (inode !== undefined) inodes.place(inode, parent, x.bytes, start, length);
  return inode;
}
