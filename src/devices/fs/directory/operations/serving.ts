import type { Exchange } from '../../../../fuse/index.ts';
import { Errno } from '../../../../sys/index.ts';
import type { Serving as ServingOf } from '../../serving/serving.ts';
import { FileType } from '../../tree/inode.ts';
import type { HostFile } from '../handles.ts';
import type { HostInode } from '../inode.ts';
import type { Share } from '../share.ts';

/** What operations on a shared directory work on. */
export type Serving = ServingOf<Share>;

/** Why `directoryAt` found nothing: what is there is no directory, or there is nothing. */
export function noDirectoryAt({ fileSystem }: Serving, node: number): number {
  return fileSystem.inodes.get(node) === undefined ? -Errno.ESTALE : -Errno.ENOTDIR;
}

/** The inode with the id `node`, if it is a directory. */
export function directoryAt({ fileSystem }: Serving, node: number): HostInode | undefined {
  const inode = fileSystem.inodes.get(node);
  return inode?.type === FileType.directory ? inode : undefined;
}

/** The descriptor of the inode that the request is about, or a negative errno. */
export function descriptorAt({ fileSystem: { inodes } }: Serving, x: Exchange): number {
  const inode = inodes.get(x.node);
  return inode === undefined ? -Errno.ESTALE : inodes.descriptor(inode);
}

/** The file that is open under `handle`, if it is the one that the request is about. */
export function fileAt({ fileSystem }: Serving, x: Exchange, handle: number): HostFile | undefined {
  return fileSystem.fileOf(x.node, handle);
}
