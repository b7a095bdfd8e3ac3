import {
  type Exchange,
  FUSE_MAJOR,
  FUSE_MINOR_OLDEST,
  InitFlag,
  InitIn,
  InitOut,
  MAX_PAGES,
  MAX_TRANSFER,
} from '../../../fuse/index.ts';
import { Errno } from '../../../sys/index.ts';
import type { Served, Serving } from './serving.ts';

/** Flags with which locks are the device's matter and not that of the guest's kernel. */
export const LOCK_FLAGS = InitFlag.posixLocks | InitFlag.flockLocks;

/** Flags that cost nothing to agree to, whatever a file system is kept in. */
export const COMMON_OFFERS =
  InitFlag.asyncRead |
  InitFlag.atomicTruncate |
  InitFlag.bigWrites |
  InitFlag.readdirplus |
  InitFlag.readdirplusAuto |
  InitFlag.asyncDirectIo |
  InitFlag.parallelDirectoryOperations |
  InitFlag.maxPages |
  InitFlag.cacheSymlinks |
  InitFlag.handleKillPrivilegesV2 |
  InitFlag.setxattrExtended |
  InitFlag.initExtended |
  InitFlag.allowIdmap;

/** Requests in the background before the guest's kernel holds further ones back, and before it calls itself congested. */
const MAX_BACKGROUND = 0xffff;
const CONGESTION = 0xbfff;

const LOW_WORD = 0xffffffffn;

/** INIT: begin a session; one that was there before ends. */
export function init<F extends Served>(serving: Serving<F>, x: Exchange): number {
  const at = InitIn.offsets;
  const major = x.u32(at.major);
  if (major < FUSE_MAJOR) return -Errno.EPROTO;
  x.clear(0, InitOut.size);
  x.put32(InitOut.offsets.major, FUSE_MAJOR);
  x.put32(InitOut.offsets.minor, serving.minor);
  // A kernel with a newer major version asks again, with this one.
  if (major > FUSE_MAJOR) return InitOut.size;
  const minor = Math.min(x.u32(at.minor), serving.minor);
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
export function destroy<F extends Served>(serving: Serving<F>): number {
  serving.endSession();
  return 0;
}
