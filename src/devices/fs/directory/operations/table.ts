import { type Exchange, OpenIn } from '../../../../fuse/index.ts';
import { Errno } from '../../../../sys/index.ts';
import { OperationTable, type Runs } from '../../serving/operation-table.ts';
import { OpenFlag } from '../../tree/handles.ts';
import type { Share } from '../share.ts';
import { getattr, setattr, statx } from './attributes.ts';
import { copyFileRange, copyFileRange64, fallocate, lseek, read, write } from './data.ts';
import { readdir, readdirplus } from './directories.ts';
import { readlink } from './links.ts';
import { create, link, mkdir, mknod, symlink, tmpfile } from './make.ts';
import { lookup } from './names.ts';
import { open, opendir, release, releasedir } from './open.ts';
import { rmdir, unlink } from './remove.ts';
import { rename, rename2 } from './rename.ts';
import type { Serving } from './serving.ts';
import { fsync, fsyncdir, statfs, syncfs } from './sync.ts';
import { getxattr, listxattr, removexattr, setxattr } from './xattrs.ts';

const runs: Runs<Share> = {
  copyFileRange,
  copyFileRange64,
  create,
  fallocate,
  fsync,
  fsyncdir,
  getattr,
  getxattr,
  link,
  listxattr,
  lookup,
  lseek,
  mkdir,
  mknod,
  open,
  opendir,
  read,
  readdir,
  readdirplus,
  readlink,
  release,
  releasedir,
  removexattr,
  rename,
  rename2,
  rmdir,
  setattr,
  setxattr,
  statfs,
  statx,
  symlink,
  syncfs,
  tmpfile,
  unlink,
  write,
};

/** The operations on a shared directory. */
export const operations = new OperationTable(runs);

function refuse(): number {
  return -Errno.EROFS;
}

/** OPEN to read from the file and nothing else. */
function openToRead(serving: Serving, x: Exchange): number {
  const changes = OpenFlag.accessMode | OpenFlag.truncate;
  return (x.u32(OpenIn.offsets.flags) & changes) === OpenFlag.readOnly ? open(serving, x) : refuse();
}

/** The operations on a shared directory in which the guest may change nothing. */
export const readOnlyOperations = new OperationTable<Share>({
  ...runs,
  copyFileRange: refuse,
  copyFileRange64: refuse,
  create: refuse,
  fallocate: refuse,
  link: refuse,
  mkdir: refuse,
  mknod: refuse,
  open: openToRead,
  removexattr: refuse,
  rename: refuse,
  rename2: refuse,
  rmdir: refuse,
  setattr: refuse,
  setxattr: refuse,
  symlink: refuse,
  tmpfile: refuse,
  unlink: refuse,
  write: refuse,
});
