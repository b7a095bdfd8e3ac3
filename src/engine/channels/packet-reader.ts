import { crc32c } from '@node-rs/crc32';
import { type Mapping, mapAnonymous, Vectors } from '../../sys/index.ts';
import { CHANNEL_MAGIC, CHANNEL_VERSION, CHECKSUM_BYTES, HEAD_BYTES, PacketFlag } from './constants.ts';
import { HEADER_ROOM, type MemoryRange, type PacketReader, STAGING_ROOM } from './packet-io.ts';
import { Pieces } from './pieces.ts';
import type { ChannelStream } from './stream.ts';

/** Pieces of a payload that can be read in one go. */
const MOST_PIECES = 1024;

/** The packets that one channel receives, one after the other, through the same memory. */
export class ChannelPacketReader implements PacketReader, Disposable {
  readonly header: MemoryRange;
  readonly staging: MemoryRange;
  /** Packets that were begun so far. */
  packets = 0;
  readonly #stream: ChannelStream;
  readonly #checksum: boolean;
  readonly #extended: boolean;
  readonly #view: DataView;
  readonly #mappings: readonly Mapping[];
  readonly #vectors: Vectors;
  readonly #pieces = new Pieces(MOST_PIECES);
  #headerLength = 0;
  #sum = 0;
  #ended = true;

  constructor(stream: ChannelStream, options: { checksum: boolean; extended: boolean }, name: string) {
    this.#stream = stream;
    this.#checksum = options.checksum;
    this.#extended = options.extended;
    const header = mapAnonymous(HEADER_ROOM + CHECKSUM_BYTES, `headers of ${name}`);
    const staging = mapAnonymous(STAGING_ROOM, `staging of ${name}`);
    this.#mappings = [header, staging];
    this.#vectors = new Vectors(name);
    this.header = { bytes: header.bytes.subarray(0, HEADER_ROOM), address: header.address };
    this.staging = { bytes: staging.bytes, address: staging.address };
    this.#view = new DataView(header.buffer);
  }

  /** Whether all of the packet that was begun last has been read. */
  get isComplete(): boolean {
    return this.#ended;
  }

  /** Read the head of the next packet. Its flags without those of the channel; -1 at the orderly end of the stream. */
  begin(): number {
    this.#ended = false;
    this.#pieces.clear();
    this.#vectors.clear();
    this.#vectors.add(this.header.address, HEAD_BYTES);
    if (!this.#stream.readFirst(this.#vectors)) return -1;
    this.packets++;
    this.#headerLength = HEAD_BYTES;
    this.#vectors.clear();
    const magic = this.#view.getUint32(0);
    if (magic !== CHANNEL_MAGIC)
      throw this.error('ERR_PACKET_MAGIC', `begins with 0x${hex(magic)}, expected 0x${hex(CHANNEL_MAGIC)}`);
    const version = this.#view.getUint32(4);
    if (version !== CHANNEL_VERSION)
      throw this.error('ERR_PACKET_VERSION', `has version ${version}, expected ${CHANNEL_VERSION}`);
    if (this.#checksum) this.#sum = crc32c(this.header.bytes.subarray(0, HEAD_BYTES));
    return this.#checkFlags(this.#view.getUint32(8));
  }

  readHeader(length: number): void {
    if (length > HEADER_ROOM)
      throw new RangeError(`A header of ${length} bytes; there is room for ${HEADER_ROOM}`);
    if (length <= this.#headerLength) return;
    this.#vectors.clear();
    this.#vectors.add(this.header.address + this.#headerLength, length - this.#headerLength);
    this.#stream.read(this.#vectors);
    this.#vectors.clear();
    if (this.#checksum) this.#sum = crc32c(this.header.bytes.subarray(this.#headerLength, length), this.#sum);
    this.#headerLength = length;
  }

  add(range: MemoryRange, offset: number, length: number): void {
    if (offset < 0 || length < 0 || offset + length > range.bytes.length)
      throw new RangeError(`Bytes ${offset} to ${offset + length} of ${range.bytes.length}`);
    this.#vectors.add(range.address + offset, length);
    if (this.#checksum) this.#pieces.add(range, offset, length);
  }

  receive(): void {
    this.#stream.read(this.#vectors);
    this.#vectors.clear();
    if (this.#checksum) this.#sum = this.#pieces.checksum(this.#sum);
    this.#pieces.clear();
  }

  end(): void {
    if (this.#vectors.left > 0)
      throw new RangeError(`A packet ends with ${this.#vectors.left} bytes added and not received`);
    if (this.#checksum) this.#checkSum();
    this.#ended = true;
  }

  /** An error in the packet that was begun last. */
  error(code: string, what: string) {
    return this.#stream.error(code, `packet ${this.packets} ${what}`);
  }

  [Symbol.dispose](): void {
    this.#vectors[Symbol.dispose]();
    for (const mapping of this.#mappings) mapping[Symbol.dispose]();
  }

  #checkSum(): void {
    this.#vectors.clear();
    this.#vectors.add(this.header.address + HEADER_ROOM, CHECKSUM_BYTES);
    this.#stream.read(this.#vectors);
    this.#vectors.clear();
    const sum = this.#view.getUint32(HEADER_ROOM);
    if (sum !== this.#sum)
      throw this.error(
        'ERR_PACKET_CHECKSUM',
        `has the CRC-32C 0x${hex(this.#sum)}, 0x${hex(sum)} was sent with it`,
      );
  }

  #checkFlags(flags: number): number {
    const beyond = flags & ~PacketFlag.stock;
    if (!this.#extended && beyond !== 0)
      throw this.error(
        'ERR_PACKET_FLAGS',
        `has flags 0x${hex(flags)}, of which stock peers have no 0x${hex(beyond)}`,
      );
    if (((flags & PacketFlag.checksum) !== 0) !== this.#checksum)
      throw this.error(
        'ERR_PACKET_FLAGS',
        `has flags 0x${hex(flags)}, ${this.#checksum ? 'without the checksum that was agreed on' : 'with a checksum that was not agreed on'}`,
      );
    return flags & ~PacketFlag.checksum;
  }
}

function hex(value: number): string {
  return (value >>> 0).toString(16);
}
