import { type BlkOptions, blkOptions } from '../options.ts';
import { openBacking } from './open.ts';

/** What an image says about itself: its bytes, and the smallest blocks in which it can be read and written. */
export interface ImageLook {
  readonly size: number;
  readonly leastBlockSize: number;
}

/**
 * Look at the image `path` as a disk with these options would open it, without writing to it. Throws `ERR_BLK_IMAGE` where
 * it could not be served.
 */
export function lookAtImage(path: string, options: Partial<BlkOptions>): ImageLook {
  const { direct, blockSize, readOnly } = options;
  using backing = openBacking(blkOptions({ path, direct, blockSize, readOnly }));
  return { size: backing.size, leastBlockSize: backing.blockSize };
}
