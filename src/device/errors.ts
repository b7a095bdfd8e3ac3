import { asError, FerryError } from '../errors.ts';

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
  | 'ERR_REQUESTS_UNDER_WAY'
  | 'ERR_CONFIG'
  | 'ERR_PARAMETERS_NONE'
  | 'ERR_PARAMETERS_REFUSED'
  | 'ERR_PARAMETERS_FROZEN'
  | 'ERR_PARAMETERS_DIFFER';

/** What a device instance refuses, and why. */
export class DeviceError extends FerryError {
  declare readonly code: DeviceErrorCode;

  constructor(code: DeviceErrorCode, message: string, options?: { cause?: unknown; retry?: boolean }) {
    super(code, message, options);
  }
}

/** A device broke its contract and cannot go on. No `FerryError`: it must not pass for the refusal of a request. */
export class DeviceFault extends Error {
  constructor(what: string, cause: unknown) {
    super(`${what}: ${asError(cause).message}`, { cause });
    this.name = 'DeviceFault';
  }
}

/** Call a method of a device that must not fail. */
export function byDevice(method: string, call: () => void): void {
  try {
    call();
  } catch (error) {
    throw new DeviceFault(`Its ${method} threw`, error);
  }
}
