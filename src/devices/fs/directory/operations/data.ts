import {
  CopyFileRangeIn,
  type Exchange,
  FallocateIn,
  LseekIn,
  LseekOut,
  OUT_HEADER,
  Outcome,
  ReadIn,
  WriteFlag,
  WriteIn,
  WriteOut,
} from '../../../../fuse/index.ts';
import {
  allocateFile,
  appendVectors,
  copyRange,
  Errno,
  fileScratch,
  MAX_VECTORS,
  readVectors,
  seekFile,
  writeVectors,
} from '../../../../sys/index.ts';
import { MAX_COPY } from '../../limits.ts';
import { answerCopied, answerCopied64 } from '../../serving/copy-requests.ts';
import { OpenFlag } from '../../tree/handles.ts';
import type { HostFile } from '../handles.ts';
import { fileAt, type Serving } from './serving.ts';

/** Offsets from here on are negative where the guest's kernel looks at them. */
const BEYOND = 2 ** 63;

const SEEK_DATA = 3;
const SEEK_HOLE = 4;

const vectors = fileScratch.vectors.words;

/** READ: the host's kernel copies from the file straight into the guest's memory. */
export function read(serving: Serving, x: Exchange): number {
  const file = fileAt(serving, x, x.u64(ReadIn.offsets.handle));
  if (file === undefined || !file.readable) return -Errno.EBADF;
  if (file.fd < 0) return -Errno.EIO;
  const offset = x.u64(ReadIn.offsets.offset);
  if (offset >= BEYOND) return -Errno.EINVAL;
  const { writable } = x;
  // Where no file of the host can reach, and the number is not exact any more.
  const wanted = offset > Number.MAX_SAFE_INTEGER ? 0 : Math.min(x.u32(ReadIn.offsets.size), x.room);
  writable.seek(OUT_HEADER);
  let done = 0;
  while (done < wanted) {
    const count = writable.fillVectors(vectors, MAX_VECTORS, wanted - done);
    const result = count < 0 ? -Errno.EFAULT : readVectors(file.fd, count, offset + done);
    if (result < 0 && done === 0) {
      writable.seek(0);
      return result;
    }
    if (result <= 0) break;
    writable.advance(result);
    done += result;
    if (count < MAX_VECTORS) break;
  }
  writable.seek(0);
  x.begin(done);
  return Outcome.sent;
}

/**
 * WRITE: from the guest's memory straight into the file. What a file opened with O_APPEND is written with goes to its end,
 * where others may have moved it; but what comes from a mapping goes to where it was mapped.
 */
export function write(serving: Serving, x: Exchange): number {
  const file = fileAt(serving, x, x.u64(WriteIn.offsets.handle));
  if (file === undefined || !file.writable) return -Errno.EBADF;
  if (file.fd < 0) return -Errno.EIO;
  const offset = x.u64(WriteIn.offsets.offset);
  const size = x.u32(WriteIn.offsets.size);
  if (offset >= BEYOND || size !== x.argumentBytes - WriteIn.size) return -Errno.EINVAL;
  if (offset > Number.MAX_SAFE_INTEGER) return -Errno.EFBIG;
  const flags = x.u32(WriteIn.offsets.writeFlags);
  // What the file was opened with does not count: fcntl(2) sets and clears O_APPEND.
  const append = (x.u32(WriteIn.offsets.flags) & OpenFlag.append) !== 0 && (flags & WriteFlag.cache) === 0;
  serving.fileSystem.setup.credentials.keepSetIds((flags & WriteFlag.killPrivileges) === 0);
  const written = writeAll(x, file, offset, size, append);
  if (written < 0) return written;
  x.put32(WriteOut.offsets.size, written);
  x.put32(WriteOut.offsets.size + 4, 0);
  return WriteOut.size;
}

function writeAll(x: Exchange, { fd }: HostFile, offset: number, size: number, append: boolean): number {
  const { readable } = x;
  let done = 0;
  while (done < size) {
    const count = readable.fillVectors(vectors, MAX_VECTORS, size - done);
    if (count < 0) return -Errno.EFAULT;
    const result = append ? appendVectors(fd, count) : writeVectors(fd, count, offset + done);
    if (result < 0) return done > 0 ? done : result;
    done += result;
    if (count < MAX_VECTORS) break;
    readable.skip(result);
  }
  return done;
}

/** FALLOCATE: reserve room, punch a hole, zero a range. */
export function fallocate(serving: Serving, x: Exchange): number {
  const at = FallocateIn.offsets;
  const file = fileAt(serving, x, x.u64(at.handle));
  if (file === undefined || !file.writable) return -Errno.EBADF;
  if (file.fd < 0) return -Errno.EIO;
  const offset = x.i64(at.offset);
  const length = x.i64(at.length);
  if (offset < 0 || length <= 0) return -Errno.EINVAL;
  if (offset + length > Number.MAX_SAFE_INTEGER) return -Errno.EFBIG;
  serving.fileSystem.setup.credentials.keepSetIds(false);
  return allocateFile(file.fd, x.u32(at.mode), offset, length);
}

/** LSEEK: where data or a hole begins; all other kinds of seeking are the guest's own matter. */
export function lseek(serving: Serving, x: Exchange): number {
  const at = LseekIn.offsets;
  const file = fileAt(serving, x, x.u64(at.handle));
  if (file === undefined) return -Errno.EBADF;
  if (file.fd < 0) return -Errno.EIO;
  const whence = x.u32(at.whence);
  if (whence !== SEEK_DATA && whence !== SEEK_HOLE) return -Errno.EINVAL;
  const offset = x.i64(at.offset);
  if (offset < 0 || offset > Number.MAX_SAFE_INTEGER) return -Errno.ENXIO;
  const found = seekFile(file.fd, offset, whence);
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
  const { fileSystem: share } = serving;
  const at = CopyFileRangeIn.offsets;
  const source = fileAt(serving, x, x.u64(at.handle));
  const target = share.fileOf(x.u64(at.outNode), x.u64(at.outHandle));
  if (source === undefined || target === undefined) return -Errno.EBADF;
  if (!source.readable || !target.writable) return -Errno.EBADF;
  if (source.fd < 0 || target.fd < 0) return -Errno.EIO;
  const offset = x.i64(at.offset);
  const outOffset = x.i64(at.outOffset);
  if (x.u64(at.flags) !== 0 || offset < 0 || outOffset < 0) return -Errno.EINVAL;
  const length = Math.min(x.u64(at.length), MAX_COPY);
  if (Math.max(offset, outOffset) + length > Number.MAX_SAFE_INTEGER) return -Errno.EFBIG;
  share.setup.credentials.keepSetIds(false);
  return copyRange(source.fd, offset, target.fd, outOffset, length);
}
