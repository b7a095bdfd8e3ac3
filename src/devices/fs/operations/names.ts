import type { Exchange } from '../../../fuse/index.ts';
import { Errno } from '../../../sys/index.ts';
import { answerEntry, answerNoEntry } from './answers.ts';
import type { Serving } from './serving.ts';

/** LOOKUP: a name in a directory; `.` and `..` as well, which NFS servers and open_by_handle_at(2) ask for. */
export function lookup(serving: Serving, x: Exchange): number {
  const parent = serving.fileSystem.inodes.get(x.node);
  if (parent === undefined) return -Errno.ESTALE;
  const error = x.takeName();
  if (error !== 0) return error;
  const { dots } = x;
  if (dots === 1) return answerEntry(x, parent);
  const { directory } = parent;
  if (directory === undefined) return -Errno.ENOTDIR;
  if (dots === 2) {
    // A removed directory can outlive the one it was in.
    const { inodes } = serving.fileSystem;
    return inodes.has(directory.parent.ino) ? answerEntry(x, directory.parent) : -Errno.ESTALE;
  }
  const inode = directory.find(x.bytes, x.nameStart, x.nameLength)?.inode;
  return inode === undefined ? answerNoEntry(x) : answerEntry(x, inode);
}
