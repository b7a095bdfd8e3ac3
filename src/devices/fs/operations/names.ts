import {
  BatchForgetIn,
  type Exchange,
  ForgetIn,
  ForgetOne,
  IN_HEADER,
  Outcome,
} from '../../../fuse/index.ts';
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

/** FORGET: the guest gives references back. */
export function forget(serving: Serving, x: Exchange): number {
  release(serving, x.node, x.u64(ForgetIn.offsets.lookups));
  return Outcome.silent;
}

/** BATCH_FORGET: as FORGET, for any number of nodes; they are read from the chain one by one. */
export function batchForget(serving: Serving, x: Exchange): number {
  const count = x.u32(BatchForgetIn.offsets.count);
  x.readable.seek(IN_HEADER + BatchForgetIn.size);
  for (let i = 0; i < count; i++) {
    if (x.readable.read(x.bytes, IN_HEADER, ForgetOne.size) < ForgetOne.size) break;
    release(serving, x.u64(ForgetOne.offsets.node), x.u64(ForgetOne.offsets.lookups));
  }
  return Outcome.silent;
}

function release(serving: Serving, ino: number, lookups: number): void {
  const inode = serving.fileSystem.inodes.get(ino);
  if (inode === undefined) return;
  inode.lookups = Math.max(0, inode.lookups - lookups);
  serving.fileSystem.forgetUnreferenced(inode);
}
