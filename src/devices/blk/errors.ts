import { FerryError } from '../../errors.ts';

/**
 * `ERR_BLK_OPTIONS`: an option that cannot be. `ERR_BLK_IMAGE`: the image cannot be served as it was asked for.
 * `ERR_BLK_STATE`: incoming state is of another disk, or this one cannot be left. `ERR_BLK_LANES`: no thread can be had for
 * calls that may wait.
 */
export type BlkErrorCode = 'ERR_BLK_OPTIONS' | 'ERR_BLK_IMAGE' | 'ERR_BLK_STATE' | 'ERR_BLK_LANES';

/** Something about a disk or how it is to be served. */
export class BlkError extends FerryError {
  declare readonly code: BlkErrorCode;

  constructor(code: BlkErrorCode, message: string, options?: { cause?: unknown }) {
    super(code, message, options);
  }
}
