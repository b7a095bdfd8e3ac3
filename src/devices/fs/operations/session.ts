import { type Exchange, InitFlag, NAME_MAX, StatfsOut } from '../../../fuse/index.ts';
import { PAGE_SIZE } from '../../../sys/index.ts';
import { COMMON_OFFERS } from '../serving/init.ts';
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
  COMMON_OFFERS | InitFlag.exportSupport | InitFlag.explicitInvalidateData | InitFlag.securityContext;

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
