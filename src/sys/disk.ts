import { fileScratch } from './file-scratch.ts';
import { declare, errno } from './libc.ts';

/**
 * Calls on disk images, files and block devices, by descriptor. A result is what the kernel returned, or a negative
 * errno; nothing is allocated, nothing is thrown.
 */

const POSIX_FADV_DONTNEED = 4;
const RWF_DSYNC = 2;
const RWF_NOWAIT = 8;
const WIDE = 2 ** 32;

/** Ioctls of linux/fs.h, whose numbers are the same on every architecture that Ferry runs on. */
const BLKSSZGET = 0x1268;
const BLKDISCARD = 0x1277;
const BLKPBSZGET = 0x127b;
const BLKZEROOUT = 0x127f;
const BLKGETSIZE64 = 0x8008_1272;

const preadv2 = declare<[number, number, number, number, number]>(
  'int preadv2(int fd, uintptr_t vectors, int count, int64_t offset, int flags)',
);
const pwritev2 = declare<[number, number, number, number, number]>(
  'int pwritev2(int fd, uintptr_t vectors, int count, int64_t offset, int flags)',
);
const pread = declare<[number, number, number, number]>(
  'int pread(int fd, uintptr_t into, size_t length, int64_t offset)',
);
const posixFadvise = declare<[number, number, number, number]>(
  'int posix_fadvise(int fd, int64_t offset, int64_t length, int advice)',
);
const ioctl = declare<[number, number, number]>('int ioctl(int fd, uint64_t request, uintptr_t argument)');

const { offsets, vectors } = fileScratch;

function answer(result: number): number {
  return result < 0 ? -errno() : result;
}

function putWide(words: Uint32Array, index: number, value: number): void {
  words[index] = value;
  words[index + 1] = Math.floor(value / WIDE);
}

/**
 * preadv2(2) with RWF_NOWAIT into `count` of the pieces in `fileScratch.vectors`: only what is in the page cache, so that it
 * may be less than was asked for; -EAGAIN where nothing is, -EOPNOTSUPP where the file system cannot tell.
 */
export function readVectorsNow(fd: number, count: number, offset: number): number {
  return answer(preadv2(fd, vectors.address, count, offset, RWF_NOWAIT));
}

/** pread(2) of `length` bytes to mapped memory at `address`. */
export function readToAddress(fd: number, address: number, length: number, offset: number): number {
  return answer(pread(fd, address, length, offset));
}

/** pwritev2(2) of `length` bytes of mapped memory at `address`; `stable`: on the storage itself on return (RWF_DSYNC). */
export function writeFromAddressAt(
  fd: number,
  address: number,
  length: number,
  offset: number,
  stable: boolean,
): number {
  putWide(vectors.words, 0, address);
  putWide(vectors.words, 2, length);
  return answer(pwritev2(fd, vectors.address, 1, offset, stable ? RWF_DSYNC : 0));
}

/** Bytes of a block device. */
export function blockDeviceSize(fd: number): number {
  const result = answer(ioctl(fd, BLKGETSIZE64, offsets.address));
  return result < 0 ? result : offsets.words[1]! * WIDE + offsets.words[0]!;
}

/** Bytes of a block device's logical block: the smallest unit that can be addressed. */
export function logicalBlockSize(fd: number): number {
  const result = answer(ioctl(fd, BLKSSZGET, offsets.address));
  return result < 0 ? result : offsets.words[0]!;
}

/** Bytes of a block device's physical block: the smallest unit that is written without being read before. */
export function physicalBlockSize(fd: number): number {
  const result = answer(ioctl(fd, BLKPBSZGET, offsets.address));
  return result < 0 ? result : offsets.words[0]!;
}

/** Tell a block device that a range is not needed any more (BLKDISCARD); what it reads as then is its own affair. */
export function discardBlocks(fd: number, offset: number, length: number): number {
  return rangeCall(fd, BLKDISCARD, offset, length);
}

/** Make a range of a block device read as zeroes (BLKZEROOUT), keeping it allocated. */
export function zeroBlocks(fd: number, offset: number, length: number): number {
  return rangeCall(fd, BLKZEROOUT, offset, length);
}

/** Take a file's clean pages out of the page cache: what was written elsewhere is read afresh. Advice, no more. */
export function dropCached(fd: number): void {
  posixFadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

function rangeCall(fd: number, request: number, offset: number, length: number): number {
  putWide(offsets.words, 0, offset);
  putWide(offsets.words, 2, length);
  return answer(ioctl(fd, request, offsets.address));
}
