import { DecodeError, FerryError } from '../../errors.ts';

/**
 * The back end hung up (`ERR_DISCONNECTED`). An acknowledgement proves nothing until the next answer has come: some
 * back ends acknowledge what they refuse, and hang up.
 */
export class HangUpError extends FerryError {
  /** The request that was being made. */
  readonly request: string;
  /** The request whose acknowledgement proved void; undefined where the back end read `request` before it hung up. */
  readonly voidAcknowledgement: string | undefined;

  constructor(
    request: string,
    message: string,
    options: { cause?: unknown; voidAcknowledgement?: string } = {},
  ) {
    super('ERR_DISCONNECTED', message, options.cause === undefined ? {} : { cause: options.cause });
    this.request = request;
    this.voidAcknowledgement = options.voidAcknowledgement;
  }
}

/** An answer that the protocol does not allow: `ERR_BAD_REPLY`. `field` is a part of the reply or its whole. */
export function badReply(field: string, message: string, offset?: number): DecodeError {
  return new DecodeError('ERR_BAD_REPLY', field, message, offset);
}

/** A back end that said no: `ERR_REFUSED`. */
export function refused(what: string, answer: bigint): FerryError {
  return new FerryError('ERR_REFUSED', `The back end refused ${what} with ${describe(answer)}`);
}

function describe(answer: bigint): string {
  return answer < 0x1_0000n ? String(answer) : `0x${answer.toString(16)}`;
}
