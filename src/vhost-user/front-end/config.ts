import { closeAll } from '../../sys/index.ts';
import { FrontEndRequest } from '../constants.ts';
import { MAX_CONFIG } from '../limits.ts';
import { configHead } from '../payloads.ts';
import type { Channel } from './channel.ts';
import { badReply, refused } from './errors.ts';

/** Who writes, SET_CONFIG: the driver, or a front end that restores the configuration of a device that has moved. */
const WRITABLE = 0;

/**
 * GET_CONFIG: `length` bytes of the configuration space from `offset`, at most 256. Throws `ERR_REFUSED` where the back
 * end answers with nothing, which is how it says no.
 */
export function readConfig(channel: Channel, offset: number, length: number): Uint8Array {
  const reply = channel.ask(FrontEndRequest.GET_CONFIG, encode(offset, new Uint8Array(length)));
  closeAll(reply.fds);
  const { payload } = reply;
  if (payload.length === 0) throw refused(`to show configuration bytes ${offset} to ${offset + length}`, 0n);
  if (payload.length !== configHead.size + length)
    throw badReply('reply to GET_CONFIG', `${payload.length} bytes, expected ${configHead.size + length}`);
  const head = configHead.decode(payload);
  if (head.offset !== offset || head.size !== length)
    throw badReply(
      'reply to GET_CONFIG',
      `It is about ${head.size} bytes at ${head.offset}, expected ${length} at ${offset}`,
    );
  return payload.subarray(configHead.size);
}

/** SET_CONFIG: write `bytes`, at most 256, to the configuration space at `offset`. */
export function writeConfig(channel: Channel, offset: number, bytes: Uint8Array): void {
  channel.tell(FrontEndRequest.SET_CONFIG, encode(offset, bytes));
}

function encode(offset: number, bytes: Uint8Array): Uint8Array {
  if (bytes.length > MAX_CONFIG)
    throw new RangeError(`${bytes.length} bytes of configuration in one message, at most ${MAX_CONFIG}`);
  const payload = new Uint8Array(configHead.size + bytes.length);
  configHead.encodeInto({ offset, size: bytes.length, flags: WRITABLE }, payload);
  payload.set(bytes, configHead.size);
  return payload;
}
