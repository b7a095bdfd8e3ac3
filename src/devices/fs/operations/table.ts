import { OperationTable } from '../serving/operation-table.ts';
import type { FileSystem } from '../tree/file-system.ts';
import { getattr, setattr, statx } from './attributes.ts';
import { copyFileRange, copyFileRange64, fallocate, lseek, read, write } from './data.ts';
import { opendir, readdir, readdirplus, releasedir } from './directories.ts';
import { readlink } from './links.ts';
import { create, link, mkdir, mknod, symlink, tmpfile } from './make.ts';
import { lookup } from './names.ts';
import { open, release } from './open.ts';
import { rmdir, unlink } from './remove.ts';
import { rename, rename2 } from './rename.ts';
import { statfs, sync } from './session.ts';
import { getxattr, listxattr, removexattr, setxattr } from './xattrs.ts';

/** The operations on a file system in memory. */
export const operations = new OperationTable<FileSystem>({
  copyFileRange,
  copyFileRange64,
  create,
  fallocate,
  fsync: sync,
  fsyncdir: sync,
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
  syncfs: sync,
  tmpfile,
  unlink,
  write,
});
