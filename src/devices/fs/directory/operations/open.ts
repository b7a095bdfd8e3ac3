import {
  type Exchange,
  InitFlag,
  OPEN_KILL_PRIVILEGES,
  OpenIn,
  OpenOut,
  OpenReply,
  ReleaseIn,
} from '../../../../fuse/index.ts';
import { Errno, OpenMode, reopen } from '../../../../sys/index.ts';
import { releaseLocks } from '../../serving/lock-requests.ts';
import { OpenFlag } from '../../tree/handles.ts';
import { FileType } from '../../tree/inode.ts';
import { type HostFile, hostFlags } from '../handles.ts';
import type { HostInode } from '../inode.ts';
import type { Share } from '../share.ts';
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
  { fileSystem: share }: Serving,
  x: Exchange,
  inode: HostInode,
  flags: number,
  openFlags: number,
  offset: number,
): number {
  // What is opened here is always a regular file: pipes, sockets and devices are the guest's kernel's own matter, and
  // opening those of the host would have effects there.
  if (inode.type !== FileType.regular) return notRegular(inode);
  if (!share.canOpen) return -Errno.ENFILE;
  const held = share.inodes.descriptor(inode);
  if (held < 0) return held;
  const truncate = flags & OpenFlag.truncate;
  if (truncate) share.setup.credentials.keepSetIds((openFlags & OPEN_KILL_PRIVILEGES) === 0);
  const fd = reopen(held, hostFlags(flags) | truncate);
  return fd < 0 ? fd : putOpened(x, share, share.openFile(inode, flags, fd), offset);
}

function notRegular({ type }: HostInode): number {
  if (type === FileType.directory) return -Errno.EISDIR;
  return type === FileType.symlink ? -Errno.ELOOP : -Errno.ENXIO;
}

/** Put the handle of an open file `offset` bytes into the body. Returns the body's length. */
export function putOpened(x: Exchange, share: Share, file: HostFile, offset: number): number {
  // FLUSH, at each close(2), is there to release record locks: without them the guest can do without it.
  const locks = ((share.session?.flags ?? 0n) & InitFlag.posixLocks) !== 0n;
  x.put64(offset + OpenOut.offsets.handle, file.handle);
  x.put64(offset + OpenOut.offsets.openFlags, share.setup.cache.openReply | (locks ? 0 : OpenReply.noFlush));
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

/** OPENDIR. */
export function opendir({ fileSystem: share }: Serving, x: Exchange): number {
  const inode = share.inodes.get(x.node);
  if (inode === undefined) return -Errno.ESTALE;
  if (inode.type !== FileType.directory) return -Errno.ENOTDIR;
  if (!share.canOpen) return -Errno.ENFILE;
  const held = share.inodes.descriptor(inode);
  const fd = held < 0 ? held : reopen(held, OpenMode.readOnly | OpenMode.directory);
  if (fd < 0) return fd;
  const directory = share.openDirectory(inode, x.u32(OpenIn.offsets.flags), fd);
  x.clear(0, OpenOut.size);
  x.put64(OpenOut.offsets.handle, directory.handle);
  return OpenOut.size;
}

/** RELEASEDIR. */
export function releasedir({ fileSystem: share }: Serving, x: Exchange): number {
  const directory = share.directoryOf(x.node, x.u64(ReleaseIn.offsets.handle));
  if (directory === undefined) return -Errno.EBADF;
  share.closeDirectory(directory);
  return 0;
}
