import {
  allocateFile,
  discardBlocks,
  Errno,
  readToAddress,
  syncFile,
  writeFromAddressAt,
  zeroBlocks,
} from '../../../sys/index.ts';
import { JOB_BYTES } from '../limits.ts';
import { Operation } from './job-table.ts';

const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;
const FALLOC_FL_ZERO_RANGE = 16;

/** What a lane works on. Plain data: it travels to the lane's thread. */
export interface LaneImage {
  /** Number of the image's descriptor. */
  readonly file: number;
  readonly isBlockDevice: boolean;
  /** `JOB_BYTES` of memory that are never written: zeroes. */
  readonly zeroes: number;
}

/**
 * One call on the image, and those that make up for it where the storage knows it not. `buffer` is the address of memory
 * that belongs to the job. Returns a count of bytes (read, write), 0, or a negative errno.
 */
export function perform(
  image: LaneImage,
  operation: number,
  buffer: number,
  offset: number,
  length: number,
  stable: boolean,
): number {
  const { file } = image;
  for (;;) {
    const result = attempt(image, operation, buffer, offset, length, stable);
    if (result === -Errno.EINTR) continue;
    const clears = operation !== Operation.read && operation !== Operation.write;
    if (result < 0 || !stable || !clears || operation === Operation.flush) return result;
    return syncFile(file, true);
  }
}

function attempt(
  image: LaneImage,
  operation: number,
  buffer: number,
  offset: number,
  length: number,
  stable: boolean,
): number {
  switch (operation) {
    case Operation.read:
      return readToAddress(image.file, buffer, length, offset);
    case Operation.write:
      return writeFromAddressAt(image.file, buffer, length, offset, stable);
    case Operation.flush:
      return syncFile(image.file, true);
    case Operation.discard:
      return discard(image, offset, length);
    case Operation.zero:
    case Operation.zeroUnmap:
      return zero(image, offset, length, operation === Operation.zeroUnmap, stable);
    default:
      return -Errno.EINVAL;
  }
}

/** Advice: where the storage knows nothing of it, nothing is done. */
function discard({ file, isBlockDevice }: LaneImage, offset: number, length: number): number {
  const result = isBlockDevice
    ? discardBlocks(file, offset, length)
    : allocateFile(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
  return result === -Errno.EOPNOTSUPP ? 0 : result;
}

function zero(
  { file, isBlockDevice, zeroes }: LaneImage,
  offset: number,
  length: number,
  unmap: boolean,
  stable: boolean,
): number {
  if (unmap) {
    const result = allocateFile(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
    if (result !== -Errno.EOPNOTSUPP) return result;
  }
  const result = isBlockDevice
    ? zeroBlocks(file, offset, length)
    : allocateFile(file, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, offset, length);
  if (result !== -Errno.EOPNOTSUPP) return result;
  for (let done = 0; done < length; ) {
    const piece = Math.min(JOB_BYTES, length - done);
    const written = writeFromAddressAt(file, zeroes, piece, offset + done, stable);
    if (written < 0 && written !== -Errno.EINTR) return written;
    if (written > 0) done += written;
  }
  return 0;
}
