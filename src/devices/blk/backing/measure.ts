import { fstatSync } from 'node:fs';
import { blockDeviceSize, errnoName, type Fd } from '../../../sys/index.ts';
import { BlkError } from '../errors.ts';

/** Bytes of an image as it is now. Throws `ERR_BLK_IMAGE`. */
export function measureImage(file: Fd, isBlockDevice: boolean): number {
  if (!isBlockDevice) return fstatSync(file.number).size;
  const size = blockDeviceSize(file.number);
  if (size < 0)
    throw new BlkError('ERR_BLK_IMAGE', `The size of ${file.name} cannot be told: ${errnoName(-size)}`);
  return size;
}
