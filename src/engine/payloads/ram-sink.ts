import { PageBitmap } from '../../memory/index.ts';
import { clearMemory, type Decompressor, viewMemory } from '../../sys/index.ts';
import type { ChannelFacts, MemoryRange, PacketReader, PayloadSink } from '../channels/index.ts';
import { type PageMethod, pageMethod, ZeroPages } from '../methods/index.ts';
import { PacketError } from './errors.ts';
import { checkFlags, describeFlags, METHOD_FLAGS, PayloadFlag } from './flags.ts';
import { MAX_COMPRESSED } from './limits.ts';
import { RamField, RamHeader } from './packets.ts';
import type { PlacedBlock } from './ram-blocks.ts';
import { RamCounters } from './ram-counters.ts';
import type { RamSinkStart } from './ram-receiver.ts';

/** A block as a receiving thread sees it. */
interface SinkBlock extends PlacedBlock {
  readonly memory: MemoryRange;
  readonly contents: ZeroPages;
}

/**
 * RAM on one receiving channel: every field of a packet is checked before its payload is read, which then goes straight into
 * memory. It reads SYNC packets, too, because those of old sources carry pages.
 */
export class RamSink implements PayloadSink, Disposable {
  readonly #channel: number;
  readonly #known: number;
  readonly #pageSize: number;
  readonly #fresh: boolean;
  readonly #received: PageBitmap;
  readonly #counters: RamCounters;
  readonly #blocks: readonly SinkBlock[];
  readonly #header: RamHeader;
  readonly #method: PageMethod;
  readonly #decompressor: Decompressor | undefined;
  #block: SinkBlock | undefined;

  constructor(start: RamSinkStart, channel: ChannelFacts) {
    const { blocks, pageSize, pages } = start.layout;
    this.#channel = channel.id;
    this.#known = PayloadFlag.sync | METHOD_FLAGS | (channel.extended ? PayloadFlag.checksum : 0);
    this.#pageSize = pageSize;
    this.#fresh = start.fresh;
    this.#received = new PageBitmap(pages, start.received);
    this.#counters = new RamCounters(channel.channels, start.counters);
    this.#header = new RamHeader(pageSize);
    this.#blocks = blocks.map((block) => {
      const { address, length } = block;
      const bytes = viewMemory(address, length);
      return { ...block, memory: { bytes, address }, contents: new ZeroPages(bytes, address, pageSize) };
    });
    this.#method = pageMethod(start.method);
    this.#decompressor = this.#method.decompressor();
  }

  claims(flags: number): boolean {
    return (flags & PayloadFlag.deviceState) === 0;
  }

  read(flags: number, packet: PacketReader): void {
    checkFlags(flags, this.#known, 'a RAM packet');
    const header = this.#header;
    packet.readHeader(header.length);
    header.decode(packet.header.bytes);
    const { normal, zero } = header;
    this.#check(flags);
    if (this.#decompressor === undefined || normal === 0) this.#receive(packet);
    else this.#decompress(packet, this.#decompressor);
    if (zero > 0) this.#clear();
    if (normal + zero > 0) this.#counters.add(this.#channel, normal, zero, header.payloadSize);
  }

  [Symbol.dispose](): void {
    this.#decompressor?.[Symbol.dispose]();
  }

  /** Check everything that the header says, and find the block that it is about. */
  #check(flags: number): void {
    const { offsets, normal, zero } = this.#header;
    const method = flags & METHOD_FLAGS;
    if (normal + zero > 0 && method !== this.#method.flag)
      throw new PacketError(
        'ERR_PACKET_METHOD',
        'flags',
        `the method of the pages is ${describeFlags(method)}, expected ${this.#method.name}`,
        8,
      );
    this.#checkSize();
    if (normal + zero === 0) return;
    const block = this.#find();
    for (let i = 0; i < normal + zero; i++) {
      const offset = offsets[i]!;
      if (offset % this.#pageSize !== 0) throw offsetError(i, offset, `not a multiple of ${this.#pageSize}`);
      if (offset > block.length - this.#pageSize)
        throw offsetError(i, offset, `beyond RAM block ${block.name}, which has ${block.length} bytes`);
    }
  }

  /** Compressed pages may have any length up to a limit, others exactly their own. */
  #checkSize(): void {
    const { normal, payloadSize } = this.#header;
    const compressed = this.#decompressor !== undefined && normal > 0;
    const least = compressed ? 1 : normal * this.#pageSize;
    const most = compressed ? MAX_COMPRESSED : least;
    if (payloadSize >= least && payloadSize <= most) return;
    throw new PacketError(
      'ERR_PACKET_SIZE',
      'next_packet_size',
      `${payloadSize} bytes, expected ${compressed ? `1 to ${most}` : most} for ${normal} pages`,
      RamField.payloadSize,
    );
  }

  /** The block that the header names: mostly the one before. */
  #find(): SinkBlock {
    const header = this.#header;
    if (this.#block !== undefined && header.isNamed(this.#block.nameBytes)) return this.#block;
    this.#block = this.#blocks.find((block) => header.isNamed(block.nameBytes));
    if (this.#block !== undefined) return this.#block;
    const there = this.#blocks.map((block) => block.name).join(', ');
    throw new PacketError(
      'ERR_PACKET_BLOCK',
      'block',
      `there is no RAM block ${JSON.stringify(header.blockName)} here, only ${there}`,
      RamField.block,
    );
  }

  /** Read the contents of normal pages into memory, neighbours in one piece. */
  #receive(packet: PacketReader): void {
    const { offsets, normal } = this.#header;
    for (let i = 0; i < normal; ) {
      const length = this.#header.pieceAt(i);
      this.#note(offsets[i]!, length);
      packet.add(this.#block!.memory, offsets[i]!, length);
      i += length / this.#pageSize;
    }
    packet.receive();
    packet.end();
  }

  /** Decompress the contents of normal pages into memory, neighbours in one piece. */
  #decompress(packet: PacketReader, decompressor: Decompressor): void {
    const { offsets, normal, payloadSize } = this.#header;
    const { staging } = packet;
    packet.add(staging, 0, payloadSize);
    packet.receive();
    packet.end();
    decompressor.feed(staging.address, payloadSize);
    for (let i = 0; i < normal; ) {
      const length = this.#header.pieceAt(i);
      this.#note(offsets[i]!, length);
      decompressor.read(this.#block!.memory.address + offsets[i]!, length);
      i += length / this.#pageSize;
    }
    decompressor.finish();
  }

  /** The pages are about to be written to: should it turn out that the packet is bad, they are not zero any more. */
  #note(offset: number, length: number): void {
    const page = this.#block!.firstPage + offset / this.#pageSize;
    this.#received.addRange(page, page + length / this.#pageSize);
  }

  /** Make pages zero that may be something else. */
  #clear(): void {
    const { offsets, normal, zero } = this.#header;
    const { memory, contents, firstPage } = this.#block!;
    for (let i = normal; i < normal + zero; i++) {
      const offset = offsets[i]!;
      const page = offset / this.#pageSize;
      const touched = !this.#fresh || this.#received.has(firstPage + page);
      if (touched && !contents.areZero(page, 1)) clearMemory(memory.address + offset, this.#pageSize);
      this.#received.add(firstPage + page);
    }
  }
}

function offsetError(index: number, offset: number, what: string): PacketError {
  const text = `0x${offset.toString(16)} is ${what}`;
  return new PacketError('ERR_PACKET_OFFSET', `offset ${index}`, text, RamField.offsets + 8 * index);
}
