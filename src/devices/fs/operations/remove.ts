import type { Exchange } from '../../../fuse/index.ts';
import { Errno } from '../../../sys/index.ts';
import type { DirectoryEntry } from '../tree/directory.ts';
import type { Inode } from '../tree/inode.ts';
import { stampChanged, stampModified } from '../tree/times.ts';
import { directoryAt, noDirectoryAt, type Serving } from './serving.ts';

/** UNLINK: take a name from a file that is no directory. */
export function unlink(serving: Serving, x: Exchange): number {
  const parent = directoryAt(serving, x.node);
  if (parent === undefined) return noDirectoryAt(serving, x.node);
  const error = x.takeNewName();
  if (error !== 0) return error;
  const entry = parent.directory!.find(x.bytes, x.nameStart, x.nameLength);
  if (entry?.inode === undefined) return -Errno.ENOENT;
  if (entry.inode.directory !== undefined) return -Errno.EISDIR;
  return remove(serving, parent, entry, entry.inode);
}

/** RMDIR: remove an empty directory. */
export function rmdir(serving: Serving, x: Exchange): number {
  const parent = directoryAt(serving, x.node);
  if (parent === undefined) return noDirectoryAt(serving, x.node);
  const error = x.takeNewName();
  if (error !== 0) return error;
  const entry = parent.directory!.find(x.bytes, x.nameStart, x.nameLength);
  if (entry?.inode === undefined) return -Errno.ENOENT;
  const { directory } = entry.inode;
  if (directory === undefined) return -Errno.ENOTDIR;
  if (directory.size > 0) return -Errno.ENOTEMPTY;
  return remove(serving, parent, entry, entry.inode);
}

function remove(serving: Serving, parent: Inode, entry: DirectoryEntry, inode: Inode): number {
  const { fileSystem } = serving;
  fileSystem.clock.tick();
  stampModified(parent, fileSystem.clock);
  stampChanged(inode, fileSystem.clock);
  fileSystem.unlink(parent, entry);
  return 0;
}
