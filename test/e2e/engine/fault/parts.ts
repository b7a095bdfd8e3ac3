/** What passes over the connections of a transfer, cut where its layouts cut it: written down once more, from outside. */
import { MESSAGE_KINDS, type MessageKind } from '../../../../src/engine/transfer/control/messages.ts';

/** Where a piece of a stream belongs. */
export type PartName =
  /** A whole message of the main connection. */
  | 'message'
  /** The 64 bytes that a channel begins with, and those that it is answered with. */
  | 'hello'
  /** The 12 bytes that a packet begins with, and the rest of its header. */
  | 'head'
  | 'ram-header'
  | 'sync-header'
  | 'device-header'
  /** Payload, in pieces as it comes. */
  | 'ram-pages'
  | 'device-data'
  | 'checksum'
  /** What is not whole when the stream ends, or is no part of a transfer. */
  | 'unknown';

/** A piece of a stream. */
export interface Part {
  readonly name: PartName;
  /** As they go on: whoever changes them changes what arrives. */
  readonly bytes: Buffer;
  /** The kind of a message. */
  readonly message?: MessageKind;
  /** Of a hello: which channel, and which of its connections. */
  readonly hello?: { readonly id: number; readonly attempt: number };
  /** Bytes of the same payload that came before. */
  readonly offset: number;
  /** Flags of the packet. */
  readonly flags: number;
}

const MAIN_MAGIC = 0x46524354;
const CHANNEL_MAGIC = 0x11223344;
const MESSAGE_HEAD = 12;
const HELLO = 64;
const HEAD = 12;
const RAM_HEADER = 320 + 8 * 128;
const DEVICE_HEADER = 276;
const CHECKSUM = 4;

const Flag = { sync: 0x01, deviceState: 0x40, checksum: 0x80 } as const;

/** Cut a direction of a connection into parts. What a part says of lengths is taken before anybody may change it. */
export async function* partsOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Part> {
  const bytes = new Bytes(chunks);
  try {
    const magic = (await bytes.ahead(4)).readUInt32BE(0);
    if (magic === MAIN_MAGIC) for (;;) yield await messageOf(bytes);
    if (magic === CHANNEL_MAGIC) yield* channelOf(bytes);
  } catch (error) {
    if (!(error instanceof Ended)) throw error;
  }
  for await (const rest of bytes.rest()) yield { name: 'unknown', bytes: rest, offset: 0, flags: 0 };
}

async function messageOf(bytes: Bytes): Promise<Part> {
  const head = await bytes.ahead(MESSAGE_HEAD);
  const message = MESSAGE_KINDS[head.readUInt16BE(4) - 1];
  const whole = await bytes.exactly(MESSAGE_HEAD + head.readUInt32BE(8) + CHECKSUM);
  return { name: 'message', bytes: whole, ...(message && { message }), offset: 0, flags: 0 };
}

async function* channelOf(bytes: Bytes): AsyncGenerator<Part> {
  const hello = await bytes.exactly(HELLO);
  const said = { id: hello.readUInt8(24), attempt: Number(hello.readBigUInt64BE(32)) };
  yield { name: 'hello', bytes: hello, hello: said, offset: 0, flags: 0 };
  for (;;) yield* packetOf(bytes);
}

async function* packetOf(bytes: Bytes): AsyncGenerator<Part> {
  const head = await bytes.exactly(HEAD);
  const flags = head.readUInt32BE(8);
  yield { name: 'head', bytes: head, offset: 0, flags };
  const isDevice = (flags & Flag.deviceState) !== 0;
  const header = await bytes.exactly((isDevice ? DEVICE_HEADER : RAM_HEADER) - HEAD);
  const length = header.readUInt32BE((isDevice ? 272 : 20) - HEAD);
  const name = isDevice ? 'device-header' : (flags & Flag.sync) !== 0 ? 'sync-header' : 'ram-header';
  yield { name, bytes: header, offset: 0, flags };
  for (let offset = 0; offset < length; ) {
    const piece = await bytes.upTo(length - offset);
    yield { name: isDevice ? 'device-data' : 'ram-pages', bytes: piece, offset, flags };
    offset += piece.length;
  }
  if ((flags & Flag.checksum) !== 0)
    yield { name: 'checksum', bytes: await bytes.exactly(CHECKSUM), offset: 0, flags };
}

class Ended extends Error {}

/** The bytes of a stream, in lengths that its reader chooses. */
class Bytes {
  readonly #chunks: AsyncIterator<Buffer>;
  #held: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** The next `length` bytes, which stay there. Throws where the stream ends before. */
  async ahead(length: number): Promise<Buffer> {
    while (this.#held.length < length) if (!(await this.#more())) throw new Ended();
    return this.#held.subarray(0, length);
  }

  async exactly(length: number): Promise<Buffer> {
    const bytes = await this.ahead(length);
    this.#held = this.#held.subarray(length);
    return bytes;
  }

  /** At least one of the next `length` bytes. */
  async upTo(length: number): Promise<Buffer> {
    if (this.#held.length === 0) await this.ahead(1);
    return this.exactly(Math.min(length, this.#held.length));
  }

  /** All that is left. */
  async *rest(): AsyncGenerator<Buffer> {
    do if (this.#held.length > 0) yield await this.exactly(this.#held.length);
    while (await this.#more());
  }

  async #more(): Promise<boolean> {
    const { value, done } = await this.#chunks.next();
    if (done === true) return false;
    this.#held = this.#held.length === 0 ? value : Buffer.concat([this.#held, value]);
    return true;
  }
}
