import type { Exchange } from '../../../fuse/index.ts';
import { Errno } from '../../../sys/index.ts';
import type { Serving as ServingOf } from '../serving/serving.ts';
import type { FileSystem } from '../tree/file-system.ts';
import type { OpenDirectory, OpenFile } from '../tree/handles.ts';
import type { Inode } from '../tree/inode.ts';

/** What operations on a file system in memory work on. */
export type Serving = ServingOf<FileSystem>;

/** The inode with the number `ino`, if it is a directory. */
export function directoryAt(serving: Serving, ino: number): Inode | undefined {
  const inode = serving.fileSystem.inodes.get(ino);
  return inode?.directory === undefined ? undefined : inode;
}

/** Why `directoryAt` found nothing: what is there is no directory, or there is nothing. */
export function noDirectoryAt(serving: Serving, ino: number): number {
  return serving.fileSystem.inodes.has(ino) ? -Errno.ENOTDIR : -Errno.ESTALE;
}

/** The file that is open under `handle`, if it is the one that the request is about. */
export function fileAt(serving: Serving, x: Exchange, handle: number): OpenFile | undefined {
  return serving.fileSystem.fileOf(x.node, handle);
}

/** The directory that is open under `handle`, if it is the one that the request is about. */
export function openDirectoryAt(serving: Serving, x: Exchange, handle: number): OpenDirectory | undefined {
  const directory = serving.fileSystem.directories.get(handle);
  return directory !== undefined && directory.inode.ino === x.node ? directory : undefined;
}
