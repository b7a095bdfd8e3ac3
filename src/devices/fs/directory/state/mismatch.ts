import { FsRefusal } from '../../state/errors.ts';

/** A file is not what it was at the source. */
export class Mismatch extends FsRefusal {
  /** `path` is the file's beneath the shared directory, `why` says what was found and what was expected. */
  constructor(path: string, why: string) {
    super(
      'ERR_FS_MISMATCH',
      `${path === '' ? 'The shared directory' : JSON.stringify(path)} is not what it was at the source: ${why}`,
    );
  }
}
