import { DecodeError } from '../errors.ts';

/**
 * What can be wrong with a stream:
 *
 * - `ERR_QEMU_STREAM`: it is no stream of QEMU's, or not of version 3
 * - `ERR_QEMU_TRUNCATED`: it ended where something more had to come
 * - `ERR_QEMU_TRAILING`: something came after its end
 * - `ERR_QEMU_LIMIT`: a length or a count is beyond what is taken
 * - `ERR_QEMU_UNSUPPORTED`: QEMU may send it, and it is not read here
 * - `ERR_QEMU_SECTION`: a section of an unknown kind, out of order, or with a wrong footer
 * - `ERR_QEMU_COMMAND`: a command that is unknown or not of its length
 * - `ERR_QEMU_RAM`: a RAM record that cannot be
 * - `ERR_QEMU_DESCRIPTION`: the description at the end does not fit what it describes
 * - `ERR_QEMU_RETURN_PATH`: a message on the return path that cannot be
 */
export type StreamErrorCode =
  | 'ERR_QEMU_STREAM'
  | 'ERR_QEMU_TRUNCATED'
  | 'ERR_QEMU_TRAILING'
  | 'ERR_QEMU_LIMIT'
  | 'ERR_QEMU_UNSUPPORTED'
  | 'ERR_QEMU_SECTION'
  | 'ERR_QEMU_COMMAND'
  | 'ERR_QEMU_RAM'
  | 'ERR_QEMU_DESCRIPTION'
  | 'ERR_QEMU_RETURN_PATH';

/** The stream cannot be read on: it has no lengths by which to find its next record. */
export class StreamError extends DecodeError {
  declare readonly code: StreamErrorCode;

  /** `offset` counts from the first byte of the stream. */
  constructor(code: StreamErrorCode, field: string, message: string, offset?: number) {
    super(code, field, message, offset);
  }
}
