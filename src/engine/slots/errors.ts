import { DecodeError, FerryError } from '../../errors.ts';

export type SlotErrorCode =
  | 'ERR_SLOT_LIMITS'
  | 'ERR_SLOT_LOCK'
  | 'ERR_SLOT_WAIT'
  | 'ERR_SLOT_CANCELLED'
  | 'ERR_SLOT_ENDED'
  | 'ERR_SPILL'
  | 'ERR_LANE';

/** Slots, or what is built on them, cannot be had or cannot be waited for any longer. */
export class SlotError extends FerryError {
  declare readonly code: SlotErrorCode;

  constructor(code: SlotErrorCode, message: string, options: { cause?: unknown; retry?: boolean } = {}) {
    super(code, message, options);
  }
}

export type BufferErrorCode =
  | 'ERR_BUFFER_INDEX'
  | 'ERR_BUFFER_TWICE'
  | 'ERR_BUFFER_CREDIT'
  | 'ERR_BUFFER_LAST'
  | 'ERR_BUFFER_DATA';

/** A buffer that a peer must not send: its number breaks the order of its device's buffers, or its data cannot be read. */
export class BufferError extends DecodeError {
  declare readonly code: BufferErrorCode;

  constructor(code: BufferErrorCode, device: string, message: string) {
    super(code, `device state of ${device}`, message);
  }
}
