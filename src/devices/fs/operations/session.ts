import {
  type Exchange,
  FUSE_MAJOR,
  FUSE_MINOR,
  FUSE_MINOR_OLDEST,
  InitFlag,
  InitIn,
  InitOut,
  MAX_PAGES,
  MAX_TRANSFER,
  NAME_MAX,
  StatfsOut,
} from '../../../fuse/index.ts';
import { Errno, PAGE_SIZE } from '../../../sys/index.ts';
import type { Serving } from './serving.ts';

/**
 * The FUSE_INIT flags that the device agrees to where the guest's kernel offers them. Not among them, on purpose:
 *
 * - WRITEBACK_CACHE: what write(2) returned for is in the device, and survives a guest that is reset or killed.
 * - AUTO_INVAL_DATA: nobody else changes files, so the guest's page cache stays valid; EXPLICIT_INVAL_DATA says so.
 * - NO_OPEN and NO_OPENDIR: handles carry flags and positions.
 * - POSIX_ACL: access control lists are not kept.
 * - DAX, submounts, passthrough, io_uring, supplementary groups: nothing here for them to work on.
 */
export const OFFERED =
  InitFlag.asyncRead |
  InitFlag.atomicTruncate |
  InitFlag.exportSupport |
  InitFlag.bigWrites |
  InitFlag.readdirplus |
  InitFlag.readdirplusAuto |
  InitFlag.asyncDirectIo |
  InitFlag.parallelDirectoryOperations |
  InitFlag.maxPages |
  InitFlag.cacheSymlinks |
  InitFlag.explicitInvalidateData |
  InitFlag.handleKillPrivilegesV2 |
  InitFlag.setxattrExtended |
  InitFlag.initExtended |
  InitFlag.securityContext |
  InitFlag.allowIdmap;

/** Flags with which locks are the device's matter and not that of the guest's kernel. */
export const LOCK_FLAGS = InitFlag.posixLocks | InitFlag.flockLocks;

/** Requests in the background before the guest's kernel holds further ones back, and before it calls itself congested. */
const MAX_BACKGROUND = 0xffff;
const CONGESTION = 0xbfff;

const LOW_WORD = 0xffffffffn;

/** INIT: begin a session; one that was there before ends. */
export function init(serving: Serving, x: Exchange): number {
  const at = InitIn.offsets;
  const major = x.u32(at.major);
  if (major < FUSE_MAJOR) return -Errno.EPROTO;
  x.clear(0, InitOut.size);
  x.put32(InitOut.offsets.major, FUSE_MAJOR);
  x.put32(InitOut.offsets.minor, FUSE_MINOR);
  // A kernel with a newer major version asks again, with this one.
  if (major > FUSE_MAJOR) return InitOut.size;
  const minor = Math.min(x.u32(at.minor), FUSE_MINOR);
  if (minor < FUSE_MINOR_OLDEST) return -Errno.EPROTO;
  let flags = BigInt(x.u32(at.flags));
  if (flags & InitFlag.initExtended && x.argumentBytes >= InitIn.size)
    flags |= BigInt(x.u32(at.flags2)) << 32n;
  flags &= serving.offers;
  const maxReadahead = x.u32(at.maxReadahead);
  serving.endSession();
  serving.fileSystem.session = { minor, flags, maxReadahead, maxWrite: MAX_TRANSFER };
  x.put32(InitOut.offsets.minor, minor);
  x.put32(InitOut.offsets.maxReadahead, maxReadahead);
  x.put32(InitOut.offsets.flags, Number(flags & LOW_WORD));
  x.put32(InitOut.offsets.flags2, Number(flags >> 32n));
  x.put32(InitOut.offsets.maxBackground, MAX_BACKGROUND + CONGESTION * 0x10000);
  x.put32(InitOut.offsets.maxWrite, MAX_TRANSFER);
  x.put32(InitOut.offsets.timeGranularity, 1);
  x.put32(InitOut.offsets.maxPages, MAX_PAGES);
  return InitOut.size;
}

/** DESTROY: the guest has unmounted. */
export function destroy(serving: Serving): number {
  serving.endSession();
  return 0;
}

/** STATFS. */
export function statfs(serving: Serving, x: Exchange): number {
  const { fileSystem } = serving;
  const { contents, limits } = fileSystem;
  const at = StatfsOut.offsets;
  x.clear(0, StatfsOut.size);
  x.put64(at.blocks, contents.totalPages);
  x.put64(at.blocksFree, contents.freePages);
  x.put64(at.blocksAvailable, contents.freePages);
  x.put64(at.files, limits.inodes);
  x.put64(at.filesFree, Math.max(0, limits.inodes - fileSystem.usedInodes));
  x.put32(at.blockSize, PAGE_SIZE);
  x.put32(at.nameLength, NAME_MAX);
  x.put32(at.fragmentSize, PAGE_SIZE);
  return StatfsOut.size;
}

/** FSYNC, FSYNCDIR, SYNCFS: there is nothing behind memory to write to. */
export function sync(): number {
  return 0;
}
