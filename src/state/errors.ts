import { DecodeError } from '../errors.ts';

export type StateErrorCode =
  | 'ERR_STATE_TRUNCATED'
  | 'ERR_STATE_MAGIC'
  | 'ERR_STATE_FRAME'
  | 'ERR_STATE_CHECKSUM'
  | 'ERR_STATE_ORDER'
  | 'ERR_STATE_DIGEST'
  | 'ERR_STATE_TRAILING'
  | 'ERR_STATE_SIZE'
  | 'ERR_STATE_FORMAT'
  | 'ERR_STATE_DEVICE'
  | 'ERR_STATE_VERSION'
  | 'ERR_STATE_SECTION'
  /** The device that was saved has other migration parameters than the one that loads takes. */
  | 'ERR_STATE_PARAMETERS';

/**
 * A state stream that cannot be used. `field` is the frame (`record 7 (inodes)`), `offset` where in the stream that
 * frame starts.
 */
export class StateError extends DecodeError {
  declare readonly code: StateErrorCode;

  constructor(code: StateErrorCode, field: string, message: string, offset?: number) {
    super(code, field, message, offset);
  }
}
