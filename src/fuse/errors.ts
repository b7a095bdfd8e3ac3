import { FerryError } from '../errors.ts';
import { errnoName } from '../sys/index.ts';

/** A file system's answer that is an error: `errno` is positive. */
export class FuseError extends FerryError {
  readonly errno: number;
  readonly errnoName: string;

  constructor(operation: string, errno: number) {
    super('ERR_FUSE', `${operation} was answered with ${errnoName(errno)}`);
    this.errno = errno;
    this.errnoName = errnoName(errno);
  }
}
