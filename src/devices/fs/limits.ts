/** Bytes a symbolic link can point with. */
export const SYMLINK_MAX = 4095;

/** Bytes in the name of an extended attribute, its namespace included. */
export const XATTR_NAME_MAX = 255;

/** Bytes in the value of an extended attribute. */
export const XATTR_VALUE_MAX = 65536;

/** Bytes that the names of all extended attributes of one file can have together, each with its closing NUL. */
export const XATTR_LIST_MAX = 65536;

/** Files and directories that a guest can have open; beyond it the answer is ENFILE. */
export const MAX_HANDLES = 2 ** 20;

/** Names of file system objects: what a file system can hold beside the contents of its files. */
export interface FileSystemLimits {
  /** Files of all types; a further hard link counts as one more. */
  readonly inodes: number;
  /** Bytes in the names and values of all extended attributes together. */
  readonly xattrBytes: number;
}

/** Bytes of memory for contents that there is one file for. */
export const BYTES_PER_INODE = 4096;

/** Files that there can be in any case, however little memory is given. */
export const FEWEST_INODES = 16_384;

/** Files that there can be at most, however much memory is given: each costs about 600 bytes beside its contents. */
export const MOST_INODES = 1_000_000;

/** Bytes of extended attributes that there is room for in any case; else a sixteenth of the memory for contents. */
export const FEWEST_XATTR_BYTES = 4 * 2 ** 20;

/** Bytes of extended attributes that there is room for at most. */
export const MOST_XATTR_BYTES = 256 * 2 ** 20;

/** Bytes that one COPY_FILE_RANGE copies at most, so that no other request waits long for it; the guest asks again. */
export const MAX_COPY = 32 * 2 ** 20;

/** Bytes that the contents of all files can have together at least. */
export const FEWEST_MEMORY = 65_536;

/** Bytes that the contents of all files can have together at most: less than 4 TiB. */
export const MOST_MEMORY = 2 ** 42 - 1;

/** Request queues that a device can have. */
export const MAX_REQUEST_QUEUES = 64;

function between(low: number, value: number, high: number): number {
  return Math.min(Math.max(low, Math.floor(value)), high);
}

/** The limits that go with `memory` bytes of contents: one file for each 4 KiB, and a sixteenth for attributes. */
export function limitsFor(memory: number): FileSystemLimits {
  return {
    inodes: between(FEWEST_INODES, memory / BYTES_PER_INODE, MOST_INODES),
    xattrBytes: between(FEWEST_XATTR_BYTES, memory / 16, MOST_XATTR_BYTES),
  };
}
