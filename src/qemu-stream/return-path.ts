import { StreamError } from './errors.ts';
import { MAX_RETURN_DATA } from './limits.ts';

/** What a destination says to its source: `u16 type, u16 length, data`. */
export type ReturnMessage =
  /** The last one: 0 where everything has arrived, anything else where it has not. */
  | { readonly type: 'SHUT'; readonly error: number }
  /** The answer to a PING with the same value. */
  | { readonly type: 'PONG'; readonly value: number }
  /** A device that was asked whether it is ready for the switchover is. */
  | { readonly type: 'SWITCHOVER_ACK' };

type ReturnType = ReturnMessage['type'];

const TYPES: Readonly<Record<ReturnType, { readonly id: number; readonly length: number }>> = {
  SHUT: { id: 1, length: 4 },
  PONG: { id: 2, length: 4 },
  SWITCHOVER_ACK: { id: 7, length: 0 },
};

/** Those that only postcopy has. */
const POSTCOPY = new Map([
  [3, 'REQ_PAGES_ID'],
  [4, 'REQ_PAGES'],
  [5, 'RECV_BITMAP'],
  [6, 'RESUME_ACK'],
]);

const HEAD = 4;

/** The bytes of `message`. */
export function encodeReturnMessage(message: ReturnMessage): Uint8Array {
  const { id, length } = TYPES[message.type];
  const bytes = Buffer.alloc(HEAD + length);
  bytes.writeUInt16BE(id, 0);
  bytes.writeUInt16BE(length, 2);
  if (message.type !== 'SWITCHOVER_ACK')
    bytes.writeUInt32BE(message.type === 'SHUT' ? message.error : message.value, HEAD);
  return bytes;
}

/** The return path as a source reads it, piece by piece. */
export class ReturnPath {
  #bytes: Buffer = Buffer.alloc(0);
  #offset = 0;

  /** The messages that `chunk` completes. Throws a `StreamError` for one that cannot be. */
  feed(chunk: Uint8Array): ReturnMessage[] {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    const messages: ReturnMessage[] = [];
    for (;;) {
      if (this.#bytes.length < HEAD) return messages;
      const id = this.#bytes.readUInt16BE(0);
      const length = this.#bytes.readUInt16BE(2);
      const type = this.#typeOf(id, length);
      if (this.#bytes.length < HEAD + length) return messages;
      const value = length === 0 ? 0 : this.#bytes.readUInt32BE(HEAD);
      messages.push(type === 'SHUT' ? { type, error: value } : type === 'PONG' ? { type, value } : { type });
      this.#bytes = this.#bytes.subarray(HEAD + length);
      this.#offset += HEAD + length;
    }
  }

  #typeOf(id: number, length: number): ReturnType {
    if (length > MAX_RETURN_DATA)
      throw this.#wrong(`message ${id} with ${length} bytes, at most ${MAX_RETURN_DATA} can be`);
    const postcopy = POSTCOPY.get(id);
    if (postcopy !== undefined) throw this.#wrong(`${postcopy}, which only postcopy has`);
    for (const [type, expected] of Object.entries(TYPES) as [ReturnType, { id: number; length: number }][]) {
      if (expected.id !== id) continue;
      if (expected.length === length) return type;
      throw this.#wrong(`${type} with ${length} bytes, expected ${expected.length}`);
    }
    throw this.#wrong(`message ${id} is none`);
  }

  #wrong(message: string): StreamError {
    return new StreamError('ERR_QEMU_RETURN_PATH', 'return path', message, this.#offset);
  }
}
