import { DecodeError, FerryError } from '../../../errors.ts';

export type FsStateErrorCode =
  /** A record ends within a field, or has bytes left over. */
  | 'ERR_FS_STATE_LENGTH'
  /** A field has a value that it cannot have. */
  | 'ERR_FS_STATE_VALUE'
  /** Something refers to what is not there, or not of the right kind. */
  | 'ERR_FS_STATE_REFERENCE'
  /** Something is there twice. */
  | 'ERR_FS_STATE_DUPLICATE'
  /** What was announced and what came differ. */
  | 'ERR_FS_STATE_COUNT'
  /** Sections come in another order, or are missing. */
  | 'ERR_FS_STATE_ORDER'
  /** The directories are no tree. */
  | 'ERR_FS_STATE_TREE';

/** State of an fs device that makes no sense. `field` names section and entry. */
export class FsStateError extends DecodeError {
  declare readonly code: FsStateErrorCode;

  constructor(code: FsStateErrorCode, field: string, message: string, offset?: number) {
    super(code, field, message, offset);
  }
}

export type FsRefusalCode =
  /** `--memory` of this device is smaller than at the source. */
  | 'ERR_FS_MEMORY'
  /** There is more of something than this device takes. */
  | 'ERR_FS_LIMIT'
  /** The guest's kernel was promised what this device does not do. */
  | 'ERR_FS_OPTION'
  /** A file of the host is not what it was at the source. */
  | 'ERR_FS_MISMATCH'
  /** A file that comes with its contents cannot be made here. */
  | 'ERR_FS_CARRIED';

/** State that makes sense but does not fit this device: another one could take it. */
export class FsRefusal extends FerryError {
  declare readonly code: FsRefusalCode;

  constructor(code: FsRefusalCode, message: string) {
    super(code, message);
  }
}
