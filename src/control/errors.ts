import { FerryError } from '../errors.ts';

export type ControlErrorCode =
  | 'ERR_CONTROL_PEER'
  | 'ERR_CONTROL_LINE'
  | 'ERR_CONTROL_MESSAGE'
  | 'ERR_CONTROL_CLOSED'
  | 'ERR_CONTROL_CONNECT';

/** Something about a control socket or what came over it. */
export class ControlError extends FerryError {
  declare readonly code: ControlErrorCode;

  constructor(code: ControlErrorCode, message: string, options?: { cause?: unknown; retry?: boolean }) {
    super(code, message, options);
  }
}

/** What the program at the other end answered with instead of a result. */
export class RemoteError extends FerryError {}
