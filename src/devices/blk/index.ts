/** A disk that a guest uses over virtio-blk: a file, a block device, or memory that moves with the guest. */
export { lookAtImage } from './backing/look.ts';
export { createBlkDevice } from './create.ts';
export { BlkDevice, type BlkSettings } from './device.ts';
export { BlkError, type BlkErrorCode } from './errors.ts';
export { type BlkOptions, blkOptions } from './options.ts';
export {
  BLK_MODEL,
  BLK_OFFER,
  type BlkBackingName,
  type BlkGiven,
  blkOffer,
  blkOptionsOf,
} from './parameters.ts';
