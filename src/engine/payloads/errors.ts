import { DecodeError } from '../../errors.ts';

export type PacketErrorCode =
  | 'ERR_PACKET_FLAGS'
  | 'ERR_PACKET_METHOD'
  | 'ERR_PACKET_COUNT'
  | 'ERR_PACKET_SIZE'
  | 'ERR_PACKET_NAME'
  | 'ERR_PACKET_BLOCK'
  | 'ERR_PACKET_OFFSET'
  | 'ERR_PACKET_PAYLOAD';

/** A packet that cannot be used. `offset` is the byte within its header. */
export class PacketError extends DecodeError {
  declare readonly code: PacketErrorCode;

  constructor(code: PacketErrorCode, field: string, message: string, offset?: number) {
    super(code, field, message, offset);
  }
}
