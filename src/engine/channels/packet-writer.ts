import { crc32c } from '@node-rs/crc32';
import { type Mapping, mapAnonymous, Vectors } from '../../sys/index.ts';
import { CHANNEL_MAGIC, CHANNEL_VERSION, CHECKSUM_BYTES, HEAD_BYTES, PacketFlag } from './constants.ts';
import { HEADER_ROOM, type MemoryRange, type PacketWriter, STAGING_ROOM } from './packet-io.ts';
import { Pieces } from './pieces.ts';
import type { ChannelStream } from './stream.ts';

/** Pieces that a payload can have: those of one call, without the header and the checksum. */
const MOST_PIECES = 1022;

/** The packets that one channel sends, one after the other, through the same memory. */
export class ChannelPacketWriter implements PacketWriter, Disposable {
  readonly header: MemoryRange;
  readonly staging: MemoryRange;
  readonly checksum: boolean;
  /** Packets written so far. */
  packets = 0;
  /** Flags of the last one. */
  lastFlags = 0;
  readonly #stream: ChannelStream;
  readonly #view: DataView;
  readonly #mappings: readonly Mapping[];
  readonly #vectors: Vectors;
  readonly #pieces = new Pieces(MOST_PIECES);

  constructor(stream: ChannelStream, checksum: boolean, name: string) {
    this.#stream = stream;
    this.checksum = checksum;
    // The checksum stands behind the longest header
    const header = mapAnonymous(HEADER_ROOM + CHECKSUM_BYTES, `headers of ${name}`);
    const staging = mapAnonymous(STAGING_ROOM, `staging of ${name}`);
    this.#mappings = [header, staging];
    this.#vectors = new Vectors(name);
    this.header = { bytes: header.bytes.subarray(0, HEADER_ROOM), address: header.address };
    this.staging = { bytes: staging.bytes, address: staging.address };
    this.#view = new DataView(header.buffer);
    this.#view.setUint32(0, CHANNEL_MAGIC);
    this.#view.setUint32(4, CHANNEL_VERSION);
    this.#clear();
  }

  add(range: MemoryRange, offset: number, length: number): void {
    if (offset < 0 || length < 0 || offset + length > range.bytes.length)
      throw new RangeError(`Bytes ${offset} to ${offset + length} of ${range.bytes.length}`);
    this.#vectors.add(range.address + offset, length);
    if (this.checksum) this.#pieces.add(range, offset, length);
  }

  send(flags: number, headerLength: number): void {
    if (headerLength < HEAD_BYTES || headerLength > HEADER_ROOM)
      throw new RangeError(`A header of ${headerLength} bytes; there is room for ${HEADER_ROOM}`);
    this.#view.setUint32(8, this.checksum ? flags | PacketFlag.checksum : flags);
    this.#vectors.put(0, this.header.address, headerLength);
    if (this.checksum) {
      const head = crc32c(this.header.bytes.subarray(0, headerLength));
      this.#view.setUint32(HEADER_ROOM, this.#pieces.checksum(head));
      this.#vectors.add(this.header.address + HEADER_ROOM, CHECKSUM_BYTES);
    }
    this.#stream.write(this.#vectors);
    this.packets++;
    this.lastFlags = flags;
    this.#clear();
  }

  [Symbol.dispose](): void {
    this.#vectors[Symbol.dispose]();
    for (const mapping of this.#mappings) mapping[Symbol.dispose]();
  }

  #clear(): void {
    this.#vectors.clear(1);
    this.#pieces.clear();
  }
}
