import { crc32c } from '@node-rs/crc32';
import { DecodeError } from '../../../errors.ts';
import { MAX_MESSAGE } from '../limits.ts';
import { BodyReader, BodyWriter } from './fields.ts';
import { LAYOUTS, MAGIC, MESSAGE_KINDS, type Message } from './messages.ts';

const HEAD = 12;
const TAIL = 4;

/** A message as bytes. Throws a `RangeError` where it is longer than any reader accepts. */
export function encodeMessage(message: Message): Uint8Array {
  const writer = new BodyWriter();
  LAYOUTS[message.kind].write(writer, message);
  const body = writer.finish();
  const length = HEAD + body.length + TAIL;
  if (length > MAX_MESSAGE) throw new RangeError(`A message of ${length} bytes, at most ${MAX_MESSAGE} go`);
  const bytes = Buffer.alloc(length);
  bytes.writeUInt32BE(MAGIC, 0);
  bytes.writeUInt16BE(MESSAGE_KINDS.indexOf(message.kind) + 1, 4);
  bytes.writeUInt32BE(body.length, 8);
  bytes.set(body, HEAD);
  bytes.writeUInt32BE(crc32c(bytes.subarray(0, length - TAIL)), length - TAIL);
  return bytes;
}

/**
 * Cuts a stream of bytes into messages. It keeps at most one message, whose length is checked before it is gathered. The
 * first error is final.
 */
export class MessageDecoder {
  #pieces: Uint8Array[] = [];
  #size = 0;
  /** Bytes without which nothing can be said yet. */
  #wanted = HEAD;
  /** Bytes of the stream before the present message. */
  #consumed = 0;

  /** Whether the stream may end here: no message has begun. */
  get atBoundary(): boolean {
    return this.#size === 0;
  }

  /** The messages that end in `chunk`. Throws `DecodeError` when it is iterated to what cannot be one. */
  *push(chunk: Uint8Array): Generator<Message> {
    this.#pieces.push(chunk);
    this.#size += chunk.length;
    while (this.#size >= this.#wanted) {
      const bytes = this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces);
      const length = this.#lengthOf(bytes);
      this.#wanted = length;
      this.#pieces = [bytes];
      if (length > bytes.length) return;
      yield this.#decode(bytes.subarray(0, length));
      this.#pieces = [bytes.subarray(length)];
      this.#size -= length;
      this.#consumed += length;
      this.#wanted = HEAD;
    }
  }

  /** Bytes of the message that `bytes` begins with, once nothing in its head is against it. */
  #lengthOf(bytes: Uint8Array): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const magic = view.getUint32(0);
    if (magic !== MAGIC)
      throw this.#wrong('magic', `0x${magic.toString(16)}, expected 0x${MAGIC.toString(16)}`, 0);
    const kind = view.getUint16(4);
    if (kind === 0 || kind > MESSAGE_KINDS.length)
      throw this.#wrong('kind', `${kind}, known are 1 to ${MESSAGE_KINDS.length}`, 4);
    const reserved = view.getUint16(6);
    if (reserved !== 0) throw this.#wrong('reserved', `${reserved}, expected 0`, 6);
    const length = HEAD + view.getUint32(8) + TAIL;
    if (length > MAX_MESSAGE)
      throw this.#wrong('length', `a message of ${length} bytes, at most ${MAX_MESSAGE} are allowed`, 8);
    return length;
  }

  #decode(bytes: Uint8Array): Message {
    const end = bytes.length - TAIL;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const [said, found] = [view.getUint32(end), crc32c(bytes.subarray(0, end))];
    if (said !== found)
      throw this.#wrong('checksum', `0x${said.toString(16)}, the message has 0x${found.toString(16)}`, end);
    const kind = MESSAGE_KINDS[view.getUint16(4) - 1]!;
    const reader = new BodyReader(kind, bytes.subarray(HEAD, end));
    const body = LAYOUTS[kind].read(reader, '');
    reader.end();
    return { kind, ...body } as Message;
  }

  #wrong(field: string, what: string, at: number): DecodeError {
    return new DecodeError('ERR_CONTROL_MESSAGE', `message.${field}`, what, this.#consumed + at);
  }
}
