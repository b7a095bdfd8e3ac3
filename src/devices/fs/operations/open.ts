import {
  type Exchange,
  InitFlag,
  OPEN_KILL_PRIVILEGES,
  OpenIn,
  OpenOut,
  OpenReply,
  ReleaseIn,
} from '../../../fuse/index.ts';
import { Errno } from '../../../sys/index.ts';
import { releaseLocks } from '../serving/lock-requests.ts';
import { OpenFlag } from '../tree/handles.ts';
import { FileType, type Inode } from '../tree/inode.ts';
import { stampModified } from '../tree/times.ts';
import { dropCapabilities, dropSetIds } from './privileges.ts';
import { fileAt, type Serving } from './serving.ts';

/** OPEN of a regular file; with O_TRUNC it is emptied as well. */
export function open(serving: Serving, x: Exchange): number {
  const inode = serving.fileSystem.inodes.get(x.node);
  if (inode === undefined) return -Errno.ESTALE;
  const at = OpenIn.offsets;
  return openExisting(serving, x, inode, x.u32(at.flags), x.u32(at.openFlags), 0);
}

/** Open a file that exists, with the reply `offset` bytes into the body. Returns the length of the body, or an errno. */
export function openExisting(
  serving: Serving,
  x: Exchange,
  inode: Inode,
  flags: number,
  openFlags: number,
  offset: number,
): number {
  const { content } = inode;
  if (content === undefined) return notRegular(inode);
  if (!serving.fileSystem.canOpen) return -Errno.ENFILE;
  if (flags & OpenFlag.truncate) {
    content.truncate(0);
    if (openFlags & OPEN_KILL_PRIVILEGES) dropSetIds(inode);
    dropCapabilities(serving.fileSystem, inode);
    serving.fileSystem.clock.tick();
    stampModified(inode, serving.fileSystem.clock);
  }
  return answerOpen(serving, x, inode, flags, offset);
}

/** Pipes, sockets and devices are opened by the guest's kernel itself. */
function notRegular(inode: Inode): number {
  if (inode.directory !== undefined) return -Errno.EISDIR;
  return inode.type === FileType.symlink ? -Errno.ELOOP : -Errno.ENXIO;
}

/** Open `inode` and put the handle into the reply, `offset` bytes into the body. Returns the length of the body. */
export function answerOpen(
  serving: Serving,
  x: Exchange,
  inode: Inode,
  flags: number,
  offset: number,
): number {
  const { fileSystem } = serving;
  const file = fileSystem.openFile(inode, flags);
  // FLUSH, at each close(2), is there to release record locks: without them the guest can do without it.
  const locks = ((fileSystem.session?.flags ?? 0n) & InitFlag.posixLocks) !== 0n;
  x.put64(offset + OpenOut.offsets.handle, file.handle);
  x.put64(offset + OpenOut.offsets.openFlags, OpenReply.keepCache | (locks ? 0 : OpenReply.noFlush));
  return offset + OpenOut.size;
}

/** RELEASE: the last one has closed the file. */
export function release(serving: Serving, x: Exchange): number {
  const file = fileAt(serving, x, x.u64(ReleaseIn.offsets.handle));
  if (file === undefined) return -Errno.EBADF;
  releaseLocks(serving, x, file);
  serving.fileSystem.closeFile(file);
  return 0;
}
