import type { Exchange } from '../../../fuse/index.ts';
import { Errno } from '../../../sys/index.ts';
import { RenameFlag, renamePlainly, renameWithFlags } from '../serving/rename-flags.ts';
import type { DirectoryEntry } from '../tree/directory.ts';
import { FileType, type Inode } from '../tree/inode.ts';
import { nameFromBytes } from '../tree/name.ts';
import { stampChanged, stampModified } from '../tree/times.ts';
import { groupWithin } from './privileges.ts';
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
  const { fileSystem } = serving;
  const from = directoryAt(serving, x.node);
  const to = directoryAt(serving, newDirectory);
  if (from === undefined) return noDirectoryAt(serving, x.node);
  if (to === undefined) return noDirectoryAt(serving, newDirectory);
  const error = x.takeNewName();
  if (error !== 0) return error;
  const entry = from.directory!.find(x.bytes, x.nameStart, x.nameLength);
  const newError = x.takeNewName();
  if (newError !== 0) return newError;
  const target = to.directory!.find(x.bytes, x.nameStart, x.nameLength);
  const refused = check(from, entry, to, target, flags);
  if (refused !== 0 || entry?.inode === undefined) return refused;
  const inode = entry.inode;
  if (target?.inode === inode) return 0;
  if (flags & RenameFlag.whiteout && !fileSystem.hasRoom) return -Errno.ENOSPC;
  fileSystem.clock.tick();
  stampModified(from, fileSystem.clock);
  stampModified(to, fileSystem.clock);
  stampChanged(inode, fileSystem.clock);
  if (target?.inode !== undefined) stampChanged(target.inode, fileSystem.clock);
  if (flags & RenameFlag.exchange) fileSystem.exchange(from, entry, to, target!);
  else fileSystem.rename(from, entry, to, nameFromBytes(x.bytes, x.nameStart, x.nameLength), target);
  if (flags & RenameFlag.whiteout) {
    const whiteout = fileSystem.createInode(FileType.character, x.uid, groupWithin(from, x.gid));
    fileSystem.link(from, entry.name, whiteout);
  }
  return 0;
}

/** What stands against the move, as a negative errno in the order in which Linux looks; or 0. */
function check(
  from: Inode,
  entry: DirectoryEntry | undefined,
  to: Inode,
  target: DirectoryEntry | undefined,
  flags: number,
): number {
  const inode = entry?.inode;
  const other = target?.inode;
  if (inode === undefined || to.nlink === 0) return -Errno.ENOENT;
  if (flags & RenameFlag.noReplace && other !== undefined) return -Errno.EEXIST;
  if (flags & RenameFlag.exchange && other === undefined) return -Errno.ENOENT;
  if (isWithin(to, inode)) return -Errno.EINVAL;
  if (other !== undefined && isWithin(from, other))
    return flags & RenameFlag.exchange ? -Errno.EINVAL : -Errno.ENOTEMPTY;
  if (other === undefined || other === inode || flags & RenameFlag.exchange) return 0;
  if (inode.directory === undefined) return other.directory === undefined ? 0 : -Errno.EISDIR;
  if (other.directory === undefined) return -Errno.ENOTDIR;
  return other.directory.size === 0 ? 0 : -Errno.ENOTEMPTY;
}

/** Whether `directory` is `ancestor` or lies below it. */
function isWithin(directory: Inode, ancestor: Inode): boolean {
  if (ancestor.directory === undefined) return false;
  for (let at = directory; ; at = at.directory!.parent) {
    if (at === ancestor) return true;
    if (at.directory!.parent === at) return false;
  }
}
