/**
 * The state of the blk device. All integers are little-endian.
 *
 *   disk      once: u64 bytes, u32 block size, u8 1 if its contents come with it, u8 1 if read-only, u8 1 if there is a
 *             write cache, u8 zero, 20 bytes serial number, u32 zero
 *   contents  any number, for a disk in memory: u64 offset, then the bytes there; what does not come is zero
 */
import type { Section } from '../../../state/index.ts';

export const DISK: Section = { name: 'disk', version: 1, required: true };
export const CONTENTS: Section = { name: 'contents', version: 1, required: true };

export const SECTIONS: readonly Section[] = [DISK, CONTENTS];

/** Where the fields of a `disk` record lie, and how long it is. */
export const Disk = {
  size: 0,
  blockSize: 8,
  hasContents: 12,
  readOnly: 13,
  writeback: 14,
  zero: 15,
  serial: 16,
  zeroes: 36,
  length: 40,
} as const;

/** Bytes before the data of a `contents` record. */
export const CONTENTS_HEAD = 8;
