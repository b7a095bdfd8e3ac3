import { FerryError } from '../../errors.ts';

export type TransferErrorCode =
  /** The destination does not take what is proposed; nothing has happened. */
  | 'ERR_TRANSFER_REFUSED'
  /** Options that cannot be. */
  | 'ERR_TRANSFER_OPTIONS'
  /** The peer said something that does not belong there. */
  | 'ERR_TRANSFER_ORDER'
  /** An arc between phases that is not in the table. */
  | 'ERR_TRANSFER_PHASE'
  /** The main connection ended. */
  | 'ERR_PEER_GONE'
  /** The main connection is silent, or takes nothing. */
  | 'ERR_PEER_SILENT'
  /** Somebody wanted the transfer to end. */
  | 'ERR_CANCELLED'
  /** Pre-copy did not converge. */
  | 'ERR_NO_CONVERGENCE'
  /** A channel did not come to a barrier. */
  | 'ERR_BARRIER'
  /** Channels broke more often than they are replaced. */
  | 'ERR_CHANNEL_LOST'
  /** A device could not be saved or loaded. */
  | 'ERR_DEVICE_STATE'
  /** What arrived is not what was sent. */
  | 'ERR_TRANSFER_TOTALS'
  /** A dirty log that does not tell of every page. */
  | 'ERR_DIRTY_LOG'
  /** The machine did not stop, start or run on. */
  | 'ERR_MACHINE';

/** Why a transfer came to nothing. */
export class TransferError extends FerryError {
  declare readonly code: TransferErrorCode;

  constructor(code: TransferErrorCode, message: string, options: { cause?: unknown; retry?: boolean } = {}) {
    super(code, message, options);
  }
}

/** What the peer gave as its reason: its code stands, whatever it is. */
export class PeerError extends FerryError {}
