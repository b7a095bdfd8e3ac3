import { FerryError } from '../errors.ts';

export type QemuCompatErrorCode =
  /** The program cannot be started, or ends instead of answering. */
  | 'ERR_QEMU_START'
  /** It did not answer in time. */
  | 'ERR_QEMU_SILENT'
  /** It says something that no QEMU says, or more than is taken. */
  | 'ERR_QEMU_ANSWER'
  /** A machine type was named that neither QEMU has. */
  | 'ERR_QEMU_MACHINE';

/** A QEMU could not be asked about itself. Nothing of it is left running. */
export class QemuCompatError extends FerryError {
  declare readonly code: QemuCompatErrorCode;

  constructor(
    code: QemuCompatErrorCode,
    message: string,
    options: { cause?: unknown; retry?: boolean } = {},
  ) {
    super(code, message, options);
  }
}
