import { FerryError } from '../errors.ts';

export type DeviceErrorCode =
  | 'ERR_DEVICE'
  | 'ERR_DEVICE_STATE'
  | 'ERR_OWNED'
  | 'ERR_FENCED'
  | 'ERR_NOT_SUSPENDED'
  | 'ERR_NO_TRANSFER'
  | 'ERR_TRANSFER_RUNNING'
  | 'ERR_TRANSFER_UNCHECKED'
  | 'ERR_TRANSFER_CANCELLED'
  | 'ERR_TRANSFER_CHANNEL'
  | 'ERR_CONFIG';

/** What a device instance refuses, and why. */
export class DeviceError extends FerryError {
  declare readonly code: DeviceErrorCode;

  constructor(code: DeviceErrorCode, message: string, options?: { cause?: unknown; retry?: boolean }) {
    super(code, message, options);
  }
}
