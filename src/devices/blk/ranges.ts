import type { ChainReader } from '../../device/index.ts';
import { SECTOR_SIZE, SEGMENT_SIZE, SEGMENT_UNMAP, Status } from './constants.ts';
import type { Range } from './lanes/work.ts';
import { MAX_RANGE_BYTES, MAX_RANGES } from './limits.ts';

/** The ranges of a DISCARD or WRITE_ZEROES, and whether all of them may be deallocated; or the status that refuses it. */
export type Ranges = { readonly ranges: readonly Range[]; readonly unmap: boolean } | number;

/**
 * Read the segments of a DISCARD or WRITE_ZEROES (virtio 1.2, section 5.2.6), `u64 sector, u32 sectors, u32 flags` each, from
 * where `readable` stands. `fits` tells whether a range lies on the disk. Nothing has been done where one of them is refused.
 */
export function readRanges(
  readable: ChainReader,
  mayUnmap: boolean,
  fits: (sector: number, length: number) => boolean,
): Ranges {
  const count = readable.remaining / SEGMENT_SIZE;
  if (!Number.isInteger(count) || count < 1 || count > MAX_RANGES) return Status.ioError;
  const words = new Uint32Array(count * 4);
  readable.read(new Uint8Array(words.buffer));
  const ranges: Range[] = [];
  let unmap = true;
  for (let at = 0; at < words.length; at += 4) {
    const sector = words[at + 1]! * 2 ** 32 + words[at]!;
    const sectors = words[at + 2]!;
    const flags = words[at + 3]!;
    if ((flags & ~SEGMENT_UNMAP) !== 0 || (flags !== 0 && !mayUnmap)) return Status.unsupported;
    if (flags === 0) unmap = false;
    const length = sectors * SECTOR_SIZE;
    if (length > MAX_RANGE_BYTES || !fits(sector, length)) return Status.ioError;
    if (length > 0) ranges.push({ offset: sector * SECTOR_SIZE, length });
  }
  return { ranges, unmap };
}
