/** Device id of a block device in the virtio specification (virtio 1.2, section 5.2). */
export const VIRTIO_BLK = 2;

/** Bytes of the unit that sectors, lengths and the capacity are counted in, whatever the block size. */
export const SECTOR_SIZE = 512;

/** `type` of a request: section 5.2.6. */
export const RequestType = {
  in: 0,
  out: 1,
  flush: 4,
  getId: 8,
  discard: 11,
  writeZeroes: 13,
} as const;

/** The last byte of an answer. */
export const Status = { ok: 0, ioError: 1, unsupported: 2 } as const;

/** Feature bits: section 5.2.3. */
export const BlkFeature = {
  SEG_MAX: 1n << 2n,
  RO: 1n << 5n,
  BLK_SIZE: 1n << 6n,
  FLUSH: 1n << 9n,
  TOPOLOGY: 1n << 10n,
  CONFIG_WCE: 1n << 11n,
  MQ: 1n << 12n,
  DISCARD: 1n << 13n,
  WRITE_ZEROES: 1n << 14n,
} as const;

/** Bytes of `u32 type, u32 reserved, u64 sector` at the start of every request. */
export const HEADER_SIZE = 16;

/** Bytes of `u64 sector, u32 sectors, u32 flags`, of which DISCARD and WRITE_ZEROES have any number. */
export const SEGMENT_SIZE = 16;

/** Flag of a segment: the range may be deallocated. */
export const SEGMENT_UNMAP = 1;

/** Bytes of the answer to GET_ID. */
export const SERIAL_SIZE = 20;
