import type { FileSystem } from '../tree/file-system.ts';
import { FileType, GROUP_EXECUTE, type Inode, SET_GID, SET_UID } from '../tree/inode.ts';

const CAPABILITIES = 'security.capability';

/** Changing what a file contains or whose it is takes its file capabilities away; to a directory they mean nothing. */
export function dropCapabilities(fileSystem: FileSystem, inode: Inode): void {
  if (inode.xattrs !== undefined && inode.type !== FileType.directory)
    fileSystem.removeXattr(inode, CAPABILITIES);
}

/** Take away setuid, and setgid where it is not a sign of mandatory locking. */
export function dropSetIds(inode: Inode): void {
  if (inode.type === FileType.directory) return;
  const dropped = inode.mode & GROUP_EXECUTE ? SET_UID | SET_GID : SET_UID;
  inode.mode &= ~dropped;
}

/** The group of what somebody of `group` makes in `parent`: the directory's own where it is setgid. */
export function groupWithin(parent: Inode, group: number): number {
  return parent.mode & SET_GID ? parent.gid : group;
}
