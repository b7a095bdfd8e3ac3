import type { ChainReader, ChainWriter } from '../../../device/index.ts';
import type { Fd } from '../../../sys/index.ts';

/** What makes a range read as zeroes or unspecified. `zero-unmap` may give the space back, `zero` must keep it. */
export type Clearing = 'discard' | 'zero' | 'zero-unmap';

/** What a file or block device is reached by, for calls that may wait. */
export interface Image {
  readonly file: Fd;
  readonly isBlockDevice: boolean;
}

/**
 * Where the sectors of a disk are. All methods do what can be done at once; the rest is left to the lanes, and so is every
 * failure. Offsets and lengths are bytes within `size` and have been checked.
 */
export interface Backing extends Disposable {
  /** Such as `image /srv/disk.raw`, for people. */
  readonly name: string;
  readonly kind: 'memory' | 'file' | 'block device';
  /** Bytes: a multiple of `blockSize`. */
  readonly size: number;
  /** Bytes that it has by now, where that can change. Throws `ERR_BLK_IMAGE` where it cannot be told. */
  readonly measured: number;
  readonly blockSize: number;
  readonly physicalBlockSize: number;
  readonly readOnly: boolean;
  /** Undefined where everything is done at once. */
  readonly image: Image | undefined;
  /** Read `length` bytes at `offset` to where `into` stands. Returns how many there were without waiting. */
  read(into: ChainWriter, offset: number, length: number): number;
  /**
   * Write `length` bytes from where `from` stands; `stable`: to the storage itself. Returns how many could be taken without
   * waiting.
   */
  write(from: ChainReader, offset: number, length: number, stable: boolean): number;
  /** Returns whether it has been done. */
  clear(offset: number, length: number, how: Clearing): boolean;
  /** Look how large the image is by now, where that can change. Throws `ERR_BLK_IMAGE` where it cannot be told. */
  measure?(): void;
  /** Another host may have written to the image since this one read from it. */
  forgetCached?(): void;
}
