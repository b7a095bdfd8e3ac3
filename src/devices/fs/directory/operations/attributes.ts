import { type Exchange, GETATTR_HANDLE, GetattrIn, SetattrIn, SetattrValid } from '../../../../fuse/index.ts';
import {
  changeMode,
  changeOwner,
  changeTimes,
  closeFile,
  Errno,
  fileScratch,
  OpenMode,
  reopen,
  truncateFile,
} from '../../../../sys/index.ts';
import { FileType, PERMISSIONS } from '../../tree/inode.ts';
import type { HostInode } from '../inode.ts';
import type { Share } from '../share.ts';
import { answerAttributes, answerStatx } from './answers.ts';
import { descriptorAt, type Serving } from './serving.ts';

/** What chown(2) leaves as it is. */
const KEEP = 0xffffffff;

/** Nanoseconds that mean something else to utimensat(2). */
const UTIME_NOW = 0x3fffffff;
const UTIME_OMIT = 0x3ffffffe;
const NANOS = 1_000_000_000;
const TIMES = SetattrValid.atime | SetattrValid.mtime;

/** GETATTR. */
export function getattr(serving: Serving, x: Exchange): number {
  const { fileSystem: share } = serving;
  const inode = share.inodes.get(x.node);
  if (inode === undefined) return -Errno.ESTALE;
  if (x.u32(GetattrIn.offsets.flags) & GETATTR_HANDLE) {
    const handle = x.u64(GetattrIn.offsets.handle);
    const opened = share.fileOf(x.node, handle) ?? share.directoryOf(x.node, handle);
    if (opened === undefined) return -Errno.EBADF;
    if (opened.fd < 0) return -Errno.EIO;
  }
  const fd = share.inodes.anyDescriptor(inode);
  return fd < 0 ? fd : answerAttributes(x, share, inode, fd);
}

/** STATX: GETATTR with the time of birth. */
export function statx(serving: Serving, x: Exchange): number {
  const { fileSystem: share } = serving;
  const fd = descriptorAt(serving, x);
  return fd < 0 ? fd : answerStatx(x, share, share.inodes.get(x.node)!, fd);
}

/** SETATTR: truncate, chown, chmod, utimens, in any combination, in this order; an error ends it. */
export function setattr(serving: Serving, x: Exchange): number {
  const { fileSystem: share } = serving;
  const inode = share.inodes.get(x.node);
  if (inode === undefined) return -Errno.ESTALE;
  const fd = share.inodes.descriptor(inode);
  if (fd < 0) return fd;
  const valid = x.u32(SetattrIn.offsets.valid);
  const error = change(serving, x, inode, fd, valid);
  return error < 0 ? error : answerAttributes(x, share, inode, fd);
}

function change(serving: Serving, x: Exchange, inode: HostInode, fd: number, valid: number): number {
  const at = SetattrIn.offsets;
  if ((valid & TIMES) !== 0 && !putTimes(x, valid)) return -Errno.EINVAL;
  let result = 0;
  if (valid & SetattrValid.size) result = resize(serving, x, inode, fd, valid);
  if (result === 0 && valid & (SetattrValid.uid | SetattrValid.gid))
    result = changeOwner(
      fd,
      valid & SetattrValid.uid ? x.u32(at.uid) : KEEP,
      valid & SetattrValid.gid ? x.u32(at.gid) : KEEP,
    );
  if (result === 0 && valid & SetattrValid.mode)
    result = setMode(serving.fileSystem, inode, fd, x.u32(at.mode) & PERMISSIONS);
  if (result === 0 && valid & TIMES) result = changeTimes(fd);
  return result;
}

/** The guest's kernel has judged already whether the caller may have setgid. */
function setMode({ setup }: Share, inode: HostInode, fd: number, mode: number): number {
  if (inode.type === FileType.symlink) return -Errno.EOPNOTSUPP;
  setup.credentials.keepSetIds(true);
  return changeMode(fd, mode);
}

function resize(
  { fileSystem: share }: Serving,
  x: Exchange,
  inode: HostInode,
  fd: number,
  valid: number,
): number {
  const at = SetattrIn.offsets;
  const size = x.i64(at.size);
  if (size < 0) return -Errno.EINVAL;
  if (size > Number.MAX_SAFE_INTEGER) return -Errno.EFBIG;
  if (inode.type !== FileType.regular)
    return inode.type === FileType.directory ? -Errno.EISDIR : -Errno.EINVAL;
  share.setup.credentials.keepSetIds((valid & SetattrValid.killPrivileges) === 0);
  if (valid & SetattrValid.handle) {
    const file = share.fileOf(x.node, x.u64(at.handle));
    if (file?.writable !== true) return -Errno.EBADF;
    return file.fd < 0 ? -Errno.EIO : truncateFile(file.fd, size);
  }
  const opened = reopen(fd, OpenMode.writeOnly | OpenMode.nonBlock);
  if (opened < 0) return opened;
  const result = truncateFile(opened, size);
  closeFile(opened);
  return result;
}

/** Put the times to set where `changeTimes` takes them from. False where they are none. */
function putTimes(x: Exchange, valid: number): boolean {
  const at = SetattrIn.offsets;
  const { atime, atimeNow, mtime, mtimeNow } = SetattrValid;
  return (
    putTime(x, 0, valid & atime, valid & atimeNow, at.atime, at.atimeNanos) &&
    putTime(x, 4, valid & mtime, valid & mtimeNow, at.mtime, at.mtimeNanos)
  );
}

function putTime(
  x: Exchange,
  index: number,
  wanted: number,
  now: number,
  seconds: number,
  nanos: number,
): boolean {
  const { words } = fileScratch.times;
  words[index] = x.u32(seconds);
  words[index + 1] = x.u32(seconds + 4);
  words[index + 2] = wanted === 0 ? UTIME_OMIT : now !== 0 ? UTIME_NOW : x.u32(nanos);
  words[index + 3] = 0;
  return wanted === 0 || now !== 0 || x.u32(nanos) < NANOS;
}
