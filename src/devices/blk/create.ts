import { openBacking } from './backing/open.ts';
import { BlkDevice } from './device.ts';
import { blkOptions } from './options.ts';

/**
 * Make a blk device from plain options: `path` or `memory`, and optionally what else `BlkOptions` has. Throws
 * `ERR_BLK_OPTIONS` for bad ones, `ERR_BLK_IMAGE` where the image cannot be served so, `ERR_BLK_LANES`, and `SystemError`.
 */
export function createBlkDevice(given: unknown): BlkDevice {
  const options = blkOptions(given);
  const backing = openBacking(options);
  try {
    return new BlkDevice(backing, options);
  } catch (error) {
    backing[Symbol.dispose]();
    throw error;
  }
}
