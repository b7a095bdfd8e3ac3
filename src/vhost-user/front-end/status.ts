import { FerryError } from '../../errors.ts';
import { FrontEndRequest } from '../constants.ts';
import { u64Payload } from '../payloads.ts';
import type { Channel } from './channel.ts';
import { badReply } from './errors.ts';

/** Bits of a device's status (virtio 1.2, section 2.1). */
export const DeviceStatus = {
  ACKNOWLEDGE: 1,
  DRIVER: 2,
  DRIVER_OK: 4,
  FEATURES_OK: 8,
  NEEDS_RESET: 64,
  FAILED: 128,
} as const;

const STATUS_MASK = 0xffn;

/** GET_STATUS */
export function readStatus(channel: Channel): number {
  const value = channel.askU64(FrontEndRequest.GET_STATUS);
  if (value > STATUS_MASK) throw badReply('reply to GET_STATUS', `0x${value.toString(16)} is no status byte`);
  return Number(value);
}

/** SET_STATUS; 0 resets the device. */
export function writeStatus(channel: Channel, status: number): void {
  channel.tell(FrontEndRequest.SET_STATUS, u64Payload.encode({ value: BigInt(status) }));
}

/** Set further bits of the status and make sure that the device kept them. Throws `ERR_STATUS` where it did not. */
export function addStatus(channel: Channel, bits: number): void {
  const before = readStatus(channel);
  if ((before & bits) === bits) return;
  writeStatus(channel, before | bits);
  const after = readStatus(channel);
  if ((after & bits) !== bits)
    throw new FerryError(
      'ERR_STATUS',
      `The device has status 0x${after.toString(16)} after 0x${(before | bits).toString(16)} was written: ` +
        'it does not accept its driver',
    );
}
