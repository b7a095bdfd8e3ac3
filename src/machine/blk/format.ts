import { address, padding, struct, u8, u16, u32, u64 } from '../../wire/index.ts';

/** Bytes in which offsets and lengths of a virtio-blk device are counted (virtio 1.2, section 5.2). */
export const SECTOR = 512;

/** Features of virtio-blk. */
export const BlkFeature = {
  SIZE_MAX: 1n << 1n,
  SEG_MAX: 1n << 2n,
  GEOMETRY: 1n << 4n,
  RO: 1n << 5n,
  BLK_SIZE: 1n << 6n,
  FLUSH: 1n << 9n,
  TOPOLOGY: 1n << 10n,
  CONFIG_WCE: 1n << 11n,
  MQ: 1n << 12n,
  DISCARD: 1n << 13n,
  WRITE_ZEROES: 1n << 14n,
  LIFETIME: 1n << 15n,
  SECURE_ERASE: 1n << 16n,
  ZONED: 1n << 17n,
} as const;

/** Types of requests. */
export const BlkRequest = { IN: 0, OUT: 1, FLUSH: 4, GET_ID: 8, DISCARD: 11, WRITE_ZEROES: 13 } as const;

/** How a device answers, in the last byte of a request. */
export const BlkStatus = { OK: 0, IOERR: 1, UNSUPP: 2 } as const;

/** `u32 type, u32 reserved, u64 sector` */
export const blkHeader = struct('virtio-blk request', { type: u32, reserved: padding(4), sector: u64 });

/** What DISCARD and WRITE_ZEROES carry; bit 0 of the flags allows WRITE_ZEROES to unmap. */
export const blkRange = struct('virtio-blk range', { sector: u64, sectors: u32, flags: u32 });

/** Bytes of a disk's serial number, GET_ID. */
export const ID_LENGTH = 20;

const config = struct('virtio-blk configuration', {
  capacity: address,
  sizeMax: u32,
  segMax: u32,
  cylinders: u16,
  heads: u8,
  sectors: u8,
  blockSize: u32,
  physicalBlockExponent: u8,
  alignmentOffset: u8,
  minIoSize: u16,
  optimalIoSize: u32,
  writeback: u8,
  unused: padding(1),
  queues: u16,
  maxDiscardSectors: u32,
  maxDiscardSegments: u32,
  discardAlignment: u32,
  maxWriteZeroesSectors: u32,
  maxWriteZeroesSegments: u32,
  writeZeroesMayUnmap: u8,
  tail: padding(3),
});

/** Bytes of configuration space that `decodeBlkConfig` reads. */
export const BLK_CONFIG_LENGTH = config.size;

/**
 * A virtio-blk device's configuration; `capacity` counts sectors of 512 bytes. Which fields mean something depends on the
 * features: a device without MQ has one queue whatever `queues` says.
 */
export type BlkConfig = ReturnType<typeof config.decode>;

/** Decode the first 60 bytes of a virtio-blk device's configuration space. Throws `ERR_TRUNCATED`. */
export function decodeBlkConfig(bytes: Uint8Array): BlkConfig {
  return config.decode(bytes);
}
