/** Nonsense on the main connection: it decodes to what encodes to the same bytes again, or is refused, however it is cut. */
import assert from 'node:assert/strict';
import { crc32c } from '@node-rs/crc32';
import { encodeMessage, MessageDecoder } from '../../src/engine/transfer/control/codec.ts';
import { MAGIC, MESSAGE_KINDS, type Message } from '../../src/engine/transfer/control/messages.ts';
import { DecodeError } from '../../src/errors.ts';
import { ALL_MESSAGES } from '../unit/engine/transfer-messages.ts';
import { type Draw, fuzz } from './target.ts';

/** A frame that holds but for its body. */
function frame(kind: number, body: Uint8Array): Buffer {
  const bytes = Buffer.alloc(16 + body.length);
  bytes.writeUInt32BE(MAGIC, 0);
  bytes.writeUInt16BE(kind, 4);
  bytes.writeUInt32BE(body.length, 8);
  bytes.set(body, 12);
  bytes.writeUInt32BE(crc32c(bytes.subarray(0, -4)), 12 + body.length);
  return bytes;
}

function piece(draw: Draw): Buffer {
  const kind = draw.below(4);
  if (kind === 0) return Buffer.from(draw.take(draw.below(40)));
  if (kind === 1) return frame(draw.below(MESSAGE_KINDS.length + 2), draw.take(draw.below(60)));
  const whole = Buffer.from(encodeMessage(draw.pick(ALL_MESSAGES)));
  if (kind === 2) return whole;
  const body = whole.subarray(12, -4);
  if (body.length > 0) body[draw.below(body.length)] = draw.below(256);
  return frame(whole.readUInt16BE(4), draw.once(2) ? body : body.subarray(0, draw.below(body.length + 1)));
}

/** What comes of a stream: its messages, and what ended it. */
function decode(chunks: readonly Uint8Array[]): { messages: Message[]; error: string | undefined } {
  const decoder = new MessageDecoder();
  const messages: Message[] = [];
  try {
    for (const chunk of chunks) for (const message of decoder.push(chunk)) messages.push(message);
    return { messages, error: undefined };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return { messages, error: error.message };
  }
}

fuzz('transfer-control', (loop) =>
  loop((draw) => {
    const stream = Buffer.concat(Array.from({ length: draw.below(6) }, () => piece(draw)));
    const whole = decode([stream]);
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < stream.length; ) {
      const size = 1 + draw.below(20);
      chunks.push(stream.subarray(at, at + size));
      at += size;
    }
    assert.deepEqual(decode(chunks), whole);
    const again = Buffer.concat(whole.messages.map(encodeMessage));
    assert.deepEqual(again, stream.subarray(0, again.length));
  }),
);
