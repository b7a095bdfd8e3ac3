import type { ConfigSpace } from '../../device/index.ts';
import { FerryError } from '../../errors.ts';
import { SECTOR_SIZE } from './constants.ts';
import { MAX_DATA_SEGMENTS, MAX_RANGE_BYTES, MAX_RANGES } from './limits.ts';

/**
 * Bytes that can be read: front ends ask for as much as the version of virtio knows that they were made for, and what
 * this device does not have reads as zero.
 */
const CONFIG_SIZE = 256;

/** Where the fields lie: struct virtio_blk_config, virtio 1.2, section 5.2.4. */
const Field = {
  capacity: 0,
  segMax: 12,
  blockSize: 20,
  physicalBlockExponent: 24,
  minimumIo: 26,
  writeback: 32,
  queues: 34,
  maxDiscardSectors: 36,
  maxDiscardRanges: 40,
  discardAlignment: 44,
  maxWriteZeroesSectors: 48,
  maxWriteZeroesRanges: 52,
  writeZeroesMayUnmap: 56,
} as const;

/** A range whose ends are multiples of this many bytes can be given back to the host's file system as a whole. */
const DISCARD_UNIT = 4096;

export interface Geometry {
  /** Bytes. */
  readonly size: number;
  readonly blockSize: number;
  readonly physicalBlockSize: number;
  readonly queues: number;
  readonly queueSize: number;
  readonly discard: boolean;
}

/** The configuration space of a disk. The driver can write one field: whether there is a write cache. */
export class BlkConfig implements ConfigSpace {
  readonly #bytes = new Uint8Array(CONFIG_SIZE);
  readonly #view = new DataView(this.#bytes.buffer);

  constructor({ size, blockSize, physicalBlockSize, queues, queueSize, discard }: Geometry) {
    const view = this.#view;
    this.size = size;
    // Header and status need a descriptor each
    view.setUint32(Field.segMax, Math.min(MAX_DATA_SEGMENTS, queueSize - 2), true);
    view.setUint32(Field.blockSize, blockSize, true);
    view.setUint8(Field.physicalBlockExponent, Math.log2(physicalBlockSize / blockSize));
    view.setUint16(Field.minimumIo, physicalBlockSize / blockSize, true);
    view.setUint16(Field.queues, queues, true);
    if (!discard) return;
    view.setUint32(Field.maxDiscardSectors, MAX_RANGE_BYTES / SECTOR_SIZE, true);
    view.setUint32(Field.maxDiscardRanges, MAX_RANGES, true);
    view.setUint32(Field.discardAlignment, Math.max(DISCARD_UNIT, blockSize) / SECTOR_SIZE, true);
    view.setUint32(Field.maxWriteZeroesSectors, MAX_RANGE_BYTES / SECTOR_SIZE, true);
    view.setUint32(Field.maxWriteZeroesRanges, MAX_RANGES, true);
    view.setUint8(Field.writeZeroesMayUnmap, 1);
  }

  /** Bytes of the disk, shown to the driver as its capacity. */
  set size(bytes: number) {
    this.#view.setBigUint64(Field.capacity, BigInt(bytes / SECTOR_SIZE), true);
  }

  /** Whether a write may be answered before it is on the storage. */
  get writeback(): boolean {
    return this.#bytes[Field.writeback] === 1;
  }

  set writeback(on: boolean) {
    this.#bytes[Field.writeback] = on ? 1 : 0;
  }

  read(offset: number, length: number): Uint8Array {
    return this.#bytes.slice(offset, offset + length);
  }

  /** Throws `ERR_BLK_CONFIG` for anything but a 0 or 1 in the field for the write cache. */
  write(offset: number, bytes: Uint8Array): void {
    const [value] = bytes;
    if (offset !== Field.writeback || bytes.length !== 1 || (value !== 0 && value !== 1))
      throw new FerryError(
        'ERR_BLK_CONFIG',
        `${bytes.length} bytes at ${offset} of the configuration, first ${value}; only the byte at ` +
          `${Field.writeback} can be written, with 0 or 1`,
      );
    this.writeback = value === 1;
  }
}
