import { mapAnonymous } from './mapping.ts';

/** Pieces that one vectored call can have: IOV_MAX of Linux. */
export const MAX_VECTORS = 1024;

/** Bytes that a symbolic link, a value or a list of names can have here. */
const BUFFER_LENGTH = 65536;

const VECTORS_AT = 4096;
const BUFFER_AT = VECTORS_AT + MAX_VECTORS * 16;

const mapping = mapAnonymous(BUFFER_AT + BUFFER_LENGTH, 'file call scratch');
const bytes = new Uint8Array(mapping.buffer);

function area(offset: number, length: number) {
  return {
    address: mapping.address + offset,
    bytes: bytes.subarray(offset, offset + length),
    words: new Uint32Array(mapping.buffer, offset, length >> 2),
  } as const;
}

/** What calls on files are given and fill in, one area per thread: addresses are known, nothing is made per call. */
export const fileScratch = {
  /** struct statx. */
  status: area(0, 256),
  /** struct open_how. */
  how: area(256, 24),
  /** An empty path: the call is about the descriptor itself. Stays zero. */
  empty: area(288, 8),
  /** The path of a directory itself. */
  dot: area(296, 8),
  /** Two of struct timespec: when it was read, when it was modified. */
  times: area(320, 32),
  /** struct statfs. */
  fileSystem: area(384, 128),
  /** struct file_handle with room for the longest handle, and the number of the mount behind it. */
  handle: area(512, 144),
  /** A path below /proc/self/fd. */
  link: area(672, 32),
  /** Two offsets of copy_file_range. */
  offsets: area(704, 16),
  /** Capabilities of the thread: a header and two sets of three words. */
  capabilities: area(736, 32),
  /** A name or path that is not one of a request's. */
  name: area(1024, 3072),
  /** An array of struct iovec. */
  vectors: area(VECTORS_AT, MAX_VECTORS * 16),
  /** Whatever is long. */
  buffer: area(BUFFER_AT, BUFFER_LENGTH),
} as const;

fileScratch.dot.bytes[0] = 0x2e;
