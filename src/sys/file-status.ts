import { fileScratch } from './file-scratch.ts';

/*
 * struct statx, in words of 32 bits: 0 mask, 1 block size, 2-3 attributes, 4 nlink, 5 uid, 6 gid, 7 mode (16 bits),
 * 8-9 ino, 10-11 size, 12-13 blocks, 14-15 mask of attributes, 16-19 atime (64 bits of seconds, nanoseconds, nothing),
 * 20-23 btime, 24-27 ctime, 28-31 mtime, 32 and 33 major and minor of what a device node stands for, 34 and 35 those of
 * the file system.
 */

/** Minor numbers have 20 bits in Linux. */
const MINORS = 2 ** 20;
const WORD = 2 ** 32;
const MOUNT_ROOT = 0x2000;
const TYPE = 0o170000;

const { words } = fileScratch.status;

/** What the last successful `statusOf` or `statusAt` of this thread found. It is there until the next one. */
export const fileStatus = {
  /** The words of struct statx as they are. */
  words,
  get mode(): number {
    return words[7]! & 0xffff;
  },
  /** The type bits of the mode. */
  get type(): number {
    return words[7]! & TYPE;
  },
  get nlink(): number {
    return words[4]!;
  },
  get uid(): number {
    return words[5]!;
  },
  get gid(): number {
    return words[6]!;
  },
  /** The inode number has 64 bits, and all of them are used by some file systems. */
  get inoLow(): number {
    return words[8]!;
  },
  get inoHigh(): number {
    return words[9]!;
  },
  /** Bytes; exact below 2^53. */
  get size(): number {
    return words[10]! + words[11]! * WORD;
  },
  /** The file system's device number: major times 2^20, and minor. */
  get dev(): number {
    return words[34]! * MINORS + words[35]!;
  },
  get rdevMajor(): number {
    return words[32]!;
  },
  get rdevMinor(): number {
    return words[33]!;
  },
  /** When it was last read, in seconds since the epoch. */
  get atime(): number {
    return words[16]! + (words[17]! | 0) * WORD;
  },
  get atimeNanos(): number {
    return words[18]!;
  },
  /** When the file was made, in seconds since the epoch; 0 where the file system does not know. */
  get btime(): number {
    return words[20]! + (words[21]! | 0) * WORD;
  },
  get btimeNanos(): number {
    return words[22]!;
  },
  get ctime(): number {
    return words[24]! + (words[25]! | 0) * WORD;
  },
  get ctimeNanos(): number {
    return words[26]!;
  },
  get mtime(): number {
    return words[28]! + (words[29]! | 0) * WORD;
  },
  get mtimeNanos(): number {
    return words[30]!;
  },
  /** Whether a file system is mounted here. */
  get isMountRoot(): boolean {
    return (words[2]! & MOUNT_ROOT) !== 0;
  },
} as const;
