import {
  CopyFileRangeIn,
  type Exchange,
  FallocateIn,
  LseekIn,
  LseekOut,
  Outcome,
  ReadIn,
  WriteFlag,
  WriteIn,
  WriteOut,
} from '../../../fuse/index.ts';
import { Errno, PAGE_SIZE } from '../../../sys/index.ts';
import type { FileContent } from '../contents/content.ts';
import { MAX_COPY } from '../limits.ts';
import { answerCopied, answerCopied64 } from '../serving/copy-requests.ts';
import { type OpenFile, OpenFlag } from '../tree/handles.ts';
import { stampModified, stampRead } from '../tree/times.ts';
import { dropCapabilities, dropSetIds } from './privileges.ts';
import { fileAt, type Serving } from './serving.ts';

/** Offsets from here on are negative where the guest's kernel looks at them. */
const BEYOND = 2 ** 63;

const SEEK_DATA = 3;
const SEEK_HOLE = 4;

/** READ: from the contents straight into the chain. */
export function read(serving: Serving, x: Exchange): number {
  const file = fileAt(serving, x, x.u64(ReadIn.offsets.handle));
  if (file === undefined || !file.readable) return -Errno.EBADF;
  const offset = x.u64(ReadIn.offsets.offset);
  if (offset >= BEYOND) return -Errno.EINVAL;
  const content = file.inode.content!;
  const wanted = Math.min(x.u32(ReadIn.offsets.size), x.room);
  const length = Math.max(0, Math.min(wanted, content.size - offset));
  x.begin(length);
  content.read(offset, length, x.writable);
  if ((file.flags & OpenFlag.noAtime) === 0) stampRead(file.inode, serving.fileSystem.clock);
  return Outcome.sent;
}

/**
 * WRITE: from the chain straight into the contents. The offset counts with O_APPEND too: the guest's kernel has put it at
 * the end under a lock, and of several requests for one write(2) each has its own place, in whatever order they come.
 */
export function write(serving: Serving, x: Exchange): number {
  const file = fileAt(serving, x, x.u64(WriteIn.offsets.handle));
  if (file === undefined || !file.writable) return -Errno.EBADF;
  const offset = x.u64(WriteIn.offsets.offset);
  const size = x.u32(WriteIn.offsets.size);
  if (offset >= BEYOND || size !== x.argumentBytes - WriteIn.size) return -Errno.EINVAL;
  const { fileSystem } = serving;
  const { inode } = file;
  let written = inode.content!.write(offset, x.readable, size);
  if (written === -Errno.ENOSPC) written = writeWhatFits(serving, x, inode.content!, offset, size);
  if (written < 0) return written;
  if (written > 0) {
    const flags = x.u32(WriteIn.offsets.writeFlags);
    if (flags & WriteFlag.killPrivileges) dropSetIds(inode);
    // What was written through a mapping takes nothing away.
    if (!(flags & WriteFlag.cache)) dropCapabilities(fileSystem, inode);
    fileSystem.clock.tick();
    stampModified(inode, fileSystem.clock);
  }
  x.put32(WriteOut.offsets.size, written);
  x.put32(WriteOut.offsets.size + 4, 0);
  return WriteOut.size;
}

/**
 * As write(2) does on a full file system: write less. Short by what may be in memory already; the guest comes back for
 * the rest, and is told ENOSPC when nothing fits.
 */
function writeWhatFits(
  serving: Serving,
  x: Exchange,
  content: FileContent,
  offset: number,
  size: number,
): number {
  const free = serving.fileSystem.contents.freePages * PAGE_SIZE;
  const within = offset % PAGE_SIZE;
  // The page in which the write begins is there already, or it is the first of those that are free.
  const rest = within === 0 ? 0 : PAGE_SIZE - within;
  for (const fits of [free + rest, free - within]) {
    if (fits <= 0 || fits >= size) continue;
    const written = content.write(offset, x.readable, fits);
    if (written > 0) return written;
  }
  return -Errno.ENOSPC;
}

/** Contents changed by an operation that does not say whether the caller may keep setuid bits: they go. */
function changed(serving: Serving, file: OpenFile): void {
  const { fileSystem } = serving;
  dropSetIds(file.inode);
  dropCapabilities(fileSystem, file.inode);
  fileSystem.clock.tick();
  stampModified(file.inode, fileSystem.clock);
}

/** FALLOCATE: reserve memory, punch a hole, zero a range. */
export function fallocate(serving: Serving, x: Exchange): number {
  const at = FallocateIn.offsets;
  const file = fileAt(serving, x, x.u64(at.handle));
  if (file === undefined || !file.writable) return -Errno.EBADF;
  const offset = x.i64(at.offset);
  const length = x.i64(at.length);
  const error = file.inode.content!.allocate(x.u32(at.mode), offset, length);
  if (error === 0) changed(serving, file);
  return error;
}

/** LSEEK: where data or a hole begins; all other kinds of seeking are the guest's own matter. */
export function lseek(serving: Serving, x: Exchange): number {
  const at = LseekIn.offsets;
  const file = fileAt(serving, x, x.u64(at.handle));
  if (file === undefined) return -Errno.EBADF;
  const whence = x.u32(at.whence);
  if (whence !== SEEK_DATA && whence !== SEEK_HOLE) return -Errno.EINVAL;
  const content = file.inode.content!;
  const offset = x.i64(at.offset);
  if (offset < 0) return -Errno.ENXIO;
  const found = whence === SEEK_DATA ? content.seekData(offset) : content.seekHole(offset);
  if (found < 0) return found;
  x.put64(LseekOut.offsets.offset, found);
  return LseekOut.size;
}

/** COPY_FILE_RANGE. */
export function copyFileRange(serving: Serving, x: Exchange): number {
  return answerCopied(serving, x, copy);
}

/** COPY_FILE_RANGE_64. */
export function copyFileRange64(serving: Serving, x: Exchange): number {
  return answerCopied64(serving, x, copy);
}

function copy(serving: Serving, x: Exchange): number {
  const at = CopyFileRangeIn.offsets;
  const source = fileAt(serving, x, x.u64(at.handle));
  const target = serving.fileSystem.files.get(x.u64(at.outHandle));
  if (source === undefined || target === undefined || target.inode.ino !== x.u64(at.outNode))
    return -Errno.EBADF;
  if (!source.readable || !target.writable) return -Errno.EBADF;
  const offset = x.i64(at.offset);
  const outOffset = x.i64(at.outOffset);
  if (x.u64(at.flags) !== 0 || offset < 0 || outOffset < 0) return -Errno.EINVAL;
  const content = source.inode.content!;
  const length = Math.min(x.u64(at.length), content.size - offset);
  if (source.inode === target.inode && overlaps(offset, outOffset, length)) return -Errno.EINVAL;
  const count = Math.min(length, MAX_COPY);
  const copied = content.copyRange(offset, target.inode.content!, outOffset, count);
  if (copied > 0) {
    changed(serving, target);
    stampRead(source.inode, serving.fileSystem.clock);
  }
  return copied;
}

function overlaps(one: number, other: number, length: number): boolean {
  return one < other + length && other < one + length;
}
