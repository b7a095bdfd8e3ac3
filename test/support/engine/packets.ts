/** Channels that end in memory: a writer that keeps every packet's bytes, and a reader of such bytes. */
import { crc32c } from '@node-rs/crc32';
import {
  HEADER_ROOM,
  type KindFactory,
  type KindStart,
  type MemoryRange,
  type PacketReader,
  type PacketWriter,
  type PayloadKind,
  STAGING_ROOM,
} from '../../../src/engine/channels/index.ts';
import { type Mapping, mapAnonymous } from '../../../src/sys/index.ts';

/** `channel` of `channels`, as a kind is told of it. */
export function channelFacts(direction: 'send' | 'receive', id = 0, channels = 1, extended = false) {
  return { id, channels, direction, extended } as const;
}

/** Makes kinds of payload as a channel thread does: from the module that they start from. */
export async function kindMaker(start: KindStart): Promise<KindFactory> {
  const { createKind } = (await import(start.module)) as { readonly createKind: KindFactory };
  return createKind;
}

class Areas implements Disposable {
  readonly header: MemoryRange;
  readonly staging: MemoryRange;
  readonly #mappings: readonly Mapping[];

  constructor() {
    const header = mapAnonymous(HEADER_ROOM, 'header');
    const staging = mapAnonymous(STAGING_ROOM, 'staging');
    this.#mappings = [header, staging];
    this.header = { bytes: header.bytes, address: header.address };
    this.staging = { bytes: staging.bytes, address: staging.address };
  }

  [Symbol.dispose](): void {
    for (const mapping of this.#mappings) mapping[Symbol.dispose]();
  }
}

/** Keeps what is sent. With `checksum` the extended flag is set and a CRC-32C stands behind each packet. */
export class KeptPackets extends Areas implements PacketWriter {
  readonly checksum: boolean;
  readonly packets: Uint8Array[] = [];
  /** How many pieces each packet was sent in, beside its header. */
  readonly pieces: number[] = [];
  #payload: Uint8Array[] = [];

  constructor(checksum = false) {
    super();
    this.checksum = checksum;
  }

  add(range: MemoryRange, offset: number, length: number): void {
    this.#payload.push(range.bytes.subarray(offset, offset + length));
  }

  send(flags: number, headerLength: number): void {
    const head = new DataView(new ArrayBuffer(12));
    head.setUint32(0, 0x1122_3344);
    head.setUint32(4, 1);
    head.setUint32(8, this.checksum ? flags | 0x80 : flags);
    const bytes = Buffer.concat([
      new Uint8Array(head.buffer),
      this.header.bytes.subarray(12, headerLength),
      ...this.#payload,
    ]);
    const sum = Buffer.alloc(this.checksum ? 4 : 0);
    if (this.checksum) sum.writeUInt32BE(crc32c(bytes));
    this.packets.push(Buffer.concat([bytes, sum]));
    this.pieces.push(this.#payload.length);
    this.#payload = [];
  }
}

/** Reads packets from bytes. Whatever is not there, is the end of the stream. */
export class PacketBytes extends Areas implements PacketReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  #begin = 0;
  #read = 0;
  #wanted: Uint8Array[] = [];
  #complete = true;

  constructor(bytes: Uint8Array) {
    super();
    this.#bytes = bytes;
  }

  /** Read the next packet's first 12 bytes: its flags, or undefined where there is none. */
  begin(): number | undefined {
    if (!this.#complete) throw new Error('The last packet was left without its end');
    if (this.#at === this.#bytes.length) return undefined;
    this.#begin = this.#at;
    this.#read = 0;
    this.#complete = false;
    this.readHeader(12);
    return new DataView(this.header.bytes.buffer, this.header.bytes.byteOffset).getUint32(8);
  }

  readHeader(length: number): void {
    this.#take(this.header.bytes.subarray(this.#read, length));
    this.#read = length;
  }

  add(range: MemoryRange, offset: number, length: number): void {
    if (offset < 0 || offset + length > range.bytes.length)
      throw new RangeError(`bytes ${offset} to ${offset + length} of ${range.bytes.length}`);
    this.#wanted.push(range.bytes.subarray(offset, offset + length));
  }

  receive(): void {
    for (const piece of this.#wanted) this.#take(piece);
    this.#wanted = [];
  }

  end(): void {
    this.#complete = true;
    if ((new DataView(this.header.bytes.buffer, this.header.bytes.byteOffset).getUint32(8) & 0x80) === 0)
      return;
    const sum = Buffer.alloc(4);
    const end = this.#at;
    this.#take(sum);
    if (sum.readUInt32BE() !== crc32c(this.#bytes.subarray(this.#begin, end)))
      throw new EndOfPackets('checksum');
  }

  #take(into: Uint8Array): void {
    const piece = this.#bytes.subarray(this.#at, this.#at + into.length);
    if (piece.length < into.length) throw new EndOfPackets('the bytes end within a packet');
    into.set(piece);
    this.#at += into.length;
  }
}

/** Have `kinds` read all packets in `bytes`, each by the first that claims it. */
export function readPackets(kinds: readonly PayloadKind[], bytes: Uint8Array): void {
  using reader = new PacketBytes(bytes);
  for (let flags = reader.begin(); flags !== undefined; flags = reader.begin()) {
    const kind = kinds.find(({ sink }) => sink?.claims(flags!));
    if (kind === undefined) throw new EndOfPackets(`nobody claims flags 0x${flags.toString(16)}`);
    kind.sink!.read(flags, reader);
  }
}

/** What a channel would have found wrong, not a kind. */
export class EndOfPackets extends Error {}
