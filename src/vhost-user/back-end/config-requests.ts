import { RequestError } from '../errors.ts';
import { configHead } from '../payloads.ts';
import type { Context } from './context.ts';
import type { Answer, Request } from './request.ts';

/** `u32 offset, u32 size, u32 flags`, then as many bytes, whose values do not matter; answered alike. */
export function readConfig({ backEnd }: Context, { payload }: Request): Answer {
  const head = decodeHead(payload);
  const bytes = backEnd.readConfig(head.offset, head.size);
  if (bytes.length !== head.size)
    throw new RequestError(
      'ERR_CONFIG_RANGE',
      `Bytes ${head.offset} to ${head.offset + head.size} are not all configuration space`,
    );
  const answer = new Uint8Array(configHead.size + head.size);
  configHead.encodeInto(head, answer);
  answer.set(bytes, configHead.size);
  return { payload: answer };
}

/** `u32 offset, u32 size, u32 flags`, then the bytes to write. */
export function writeConfig({ backEnd }: Context, { payload }: Request): undefined {
  const { offset } = decodeHead(payload);
  backEnd.writeConfig(offset, payload.slice(configHead.size));
}

function decodeHead(payload: Uint8Array): { offset: number; size: number; flags: number } {
  const head = configHead.decode(payload);
  const present = payload.length - configHead.size;
  if (head.size !== present || head.size === 0)
    throw new RequestError('ERR_PAYLOAD_SIZE', `${present} bytes of configuration, ${head.size} announced`);
  if (head.flags > 1)
    throw new RequestError(
      'ERR_CONFIG_FLAGS',
      `Configuration flags 0x${head.flags.toString(16)}, expected 0 or 1`,
    );
  return head;
}
