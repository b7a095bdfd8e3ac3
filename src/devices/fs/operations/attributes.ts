import {
  type Exchange,
  GETATTR_HANDLE,
  GetattrIn,
  putStatxReply,
  SetattrIn,
  SetattrValid,
} from '../../../fuse/index.ts';
import { Errno } from '../../../sys/index.ts';
import type { Clock } from '../tree/clock.ts';
import { type Inode, PERMISSIONS } from '../tree/inode.ts';
import { stampChanged, stampModified } from '../tree/times.ts';
import { answerAttributes, attributeSeconds } from './answers.ts';
import { dropCapabilities, dropSetIds } from './privileges.ts';
import { fileAt, openDirectoryAt, type Serving } from './serving.ts';

/** Bits that change no attribute by themselves. */
const { size, handle, lockOwner, killPrivileges } = SetattrValid;
const NO_CHANGE = size | handle | lockOwner | killPrivileges;

const NANOS = 1_000_000_000;

/** GETATTR. */
export function getattr(serving: Serving, x: Exchange): number {
  const inode = serving.fileSystem.inodes.get(x.node);
  if (inode === undefined) return -Errno.ESTALE;
  if (x.u32(GetattrIn.offsets.flags) & GETATTR_HANDLE) {
    const opened = x.u64(GetattrIn.offsets.handle);
    if (fileAt(serving, x, opened) === undefined && openDirectoryAt(serving, x, opened) === undefined)
      return -Errno.EBADF;
  }
  return answerAttributes(x, inode);
}

/** STATX: GETATTR with the time of birth. */
export function statx(serving: Serving, x: Exchange): number {
  const inode = serving.fileSystem.inodes.get(x.node);
  if (inode === undefined) return -Errno.ESTALE;
  return putStatxReply(x, inode, attributeSeconds(inode));
}

/** SETATTR: chmod, chown, truncate, utimens, in any combination; all of it or, with an error, nothing. */
export function setattr(serving: Serving, x: Exchange): number {
  const { fileSystem } = serving;
  const inode = fileSystem.inodes.get(x.node);
  if (inode === undefined) return -Errno.ESTALE;
  const at = SetattrIn.offsets;
  const valid = x.u32(at.valid);
  if (!hasValidTimes(x, valid)) return -Errno.EINVAL;
  fileSystem.clock.tick();
  if (valid & size) {
    const error = resize(serving, x, inode, valid);
    if (error !== 0) return error;
  }
  if (valid & SetattrValid.mode) inode.mode = (inode.mode & ~PERMISSIONS) | (x.u32(at.mode) & PERMISSIONS);
  if (valid & (SetattrValid.uid | SetattrValid.gid)) {
    if (valid & SetattrValid.uid) inode.uid = x.u32(at.uid);
    if (valid & SetattrValid.gid) inode.gid = x.u32(at.gid);
    dropSetIds(inode);
    dropCapabilities(fileSystem, inode);
  }
  setTimes(fileSystem.clock, x, inode, valid);
  return answerAttributes(x, inode);
}

function hasValidTimes(x: Exchange, valid: number): boolean {
  const at = SetattrIn.offsets;
  const { atime, atimeNow, mtime, mtimeNow, ctime } = SetattrValid;
  if ((valid & (atime | atimeNow)) === atime && x.u32(at.atimeNanos) >= NANOS) return false;
  if ((valid & (mtime | mtimeNow)) === mtime && x.u32(at.mtimeNanos) >= NANOS) return false;
  return (valid & ctime) === 0 || x.u32(at.ctimeNanos) < NANOS;
}

function resize(serving: Serving, x: Exchange, inode: Inode, valid: number): number {
  const { content } = inode;
  if (content === undefined) return inode.directory === undefined ? -Errno.EINVAL : -Errno.EISDIR;
  const byHandle = (valid & handle) !== 0;
  if (byHandle && fileAt(serving, x, x.u64(SetattrIn.offsets.handle))?.writable !== true) return -Errno.EBADF;
  const before = content.size;
  const wanted = x.i64(SetattrIn.offsets.size);
  if (wanted < 0) return -Errno.EINVAL;
  const error = content.truncate(wanted);
  if (error !== 0) return error;
  if (valid & killPrivileges) dropSetIds(inode);
  dropCapabilities(serving.fileSystem, inode);
  // As in Linux truncate(2) to the size that is there is no change, and ftruncate(2) always is one.
  if (byHandle || wanted !== before) stampModified(inode, serving.fileSystem.clock);
  return 0;
}

/** A time in seconds; one further away than 2^53 is taken for that, the furthest that is kept exactly. */
function seconds(x: Exchange, offset: number): number {
  return Math.min(Math.max(x.i64(offset), Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
}

function setTimes(clock: Clock, x: Exchange, inode: Inode, valid: number): void {
  const at = SetattrIn.offsets;
  if (valid & SetattrValid.atime) {
    const now = valid & SetattrValid.atimeNow;
    inode.atime = now ? clock.seconds : exact(seconds(x, at.atime));
    inode.atimeNanos = now ? clock.nanos : x.u32(at.atimeNanos);
  }
  if (valid & SetattrValid.mtime) {
    const now = valid & SetattrValid.mtimeNow;
    inode.mtime = now ? clock.seconds : exact(seconds(x, at.mtime));
    inode.mtimeNanos = now ? clock.nanos : x.u32(at.mtimeNanos);
  }
  if (valid & SetattrValid.ctime) {
    inode.ctime = exact(seconds(x, at.ctime));
    inode.ctimeNanos = x.u32(at.ctimeNanos);
  } else if (valid & ~NO_CHANGE) {
    stampChanged(inode, clock);
  }
}

/** The nearest time whose seconds are an exact number here: the range of times of this file system. */
function exact(seconds: number): number {
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(seconds, Number.MAX_SAFE_INTEGER));
}
