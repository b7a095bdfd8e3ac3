import { type Exchange, FSYNC_DATA_ONLY, FsyncIn, StatfsOut } from '../../../../fuse/index.ts';
import { Errno, fileScratch, fileSystemStatus, syncFile, syncFileSystem } from '../../../../sys/index.ts';
import { descriptorAt, type Serving } from './serving.ts';

/** FSYNC: what was written to the file is on the host's disk when this is answered. */
export function fsync({ fileSystem: share }: Serving, x: Exchange): number {
  const file = share.fileOf(x.node, x.u64(FsyncIn.offsets.handle));
  return file === undefined ? -Errno.EBADF : sync(x, file.fd);
}

/** FSYNCDIR: so are the names in the directory. */
export function fsyncdir({ fileSystem: share }: Serving, x: Exchange): number {
  const directory = share.directoryOf(x.node, x.u64(FsyncIn.offsets.handle));
  return directory === undefined ? -Errno.EBADF : sync(x, directory.fd);
}

function sync(x: Exchange, fd: number): number {
  return fd < 0 ? -Errno.EIO : syncFile(fd, (x.u32(FsyncIn.offsets.flags) & FSYNC_DATA_ONLY) !== 0);
}

/** SYNCFS: so is everything in the file system that the shared directory lies in. */
export function syncfs({ fileSystem: share }: Serving): number {
  return syncFileSystem(share.mount);
}

/*
 * struct statfs in words of 64 bits: type, block size, blocks, free ones, those for everybody, files, free ones, id, length
 * of names, fragment size.
 */

/** STATFS. */
export function statfs(serving: Serving, x: Exchange): number {
  const fd = descriptorAt(serving, x);
  const error = fd < 0 ? fd : fileSystemStatus(fd);
  if (error < 0) return error;
  const { words } = fileScratch.fileSystem;
  const at = StatfsOut.offsets;
  const copy = (offset: number, word: number) => {
    x.put32(offset, words[word * 2]!);
    x.put32(offset + 4, words[word * 2 + 1]!);
  };
  x.clear(0, StatfsOut.size);
  copy(at.blocks, 2);
  copy(at.blocksFree, 3);
  copy(at.blocksAvailable, 4);
  copy(at.files, 5);
  copy(at.filesFree, 6);
  x.put32(at.blockSize, words[2]!);
  x.put32(at.nameLength, words[16]!);
  x.put32(at.fragmentSize, words[18]!);
  return StatfsOut.size;
}
