import { PageBitmap } from '../../memory/index.ts';
import { clearMemory, viewMemory } from '../../sys/index.ts';
import type { ChannelFacts, MemoryRange, PacketReader, PayloadSink } from '../channels/index.ts';
import { ZeroPages } from '../methods/index.ts';
import { PacketError } from './errors.ts';
import { checkFlags, describeFlags, METHOD_FLAGS, PayloadFlag } from './flags.ts';
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
export class RamSink implements PayloadSink {
  readonly #channel: number;
  readonly #known: number;
  readonly #pageSize: number;
  readonly #fresh: boolean;
  readonly #received: PageBitmap;
  readonly #counters: RamCounters;
  readonly #blocks: readonly SinkBlock[];
  readonly #header: RamHeader;
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
    this.#blocks = blocks.map((block) => ({
      ...block,
      memory: { bytes: viewMemory(block.address, block.length), address: block.address },
      contents: new ZeroPages(block.address, block.length, pageSize),
    }));
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
    if (normal + zero > 0) {
      this.#check(flags);
      this.#receive(packet);
    } else if (header.payloadSize !== 0) throw sizeError(header.payloadSize, '0 for a packet without pages');
    packet.end();
    if (zero > 0) this.#clear();
    this.#counters.add(this.#channel, normal, zero, header.payloadSize);
  }

  /** Check everything that a packet with pages says, and find the block that it is about. */
  #check(flags: number): void {
    const { offsets, normal, zero, payloadSize } = this.#header;
    if ((flags & METHOD_FLAGS) !== 0)
      throw new PacketError(
        'ERR_PACKET_METHOD',
        'flags',
        `the pages are compressed by ${describeFlags(flags & METHOD_FLAGS)}, expected none`,
        8,
      );
    if (payloadSize !== normal * this.#pageSize)
      throw sizeError(payloadSize, `${normal * this.#pageSize} for ${normal} pages`);
    const block = this.#find();
    for (let i = 0; i < normal + zero; i++) {
      const offset = offsets[i]!;
      if (offset % this.#pageSize !== 0) throw offsetError(i, offset, `not a multiple of ${this.#pageSize}`);
      if (offset > block.length - this.#pageSize)
        throw offsetError(i, offset, `beyond RAM block ${block.name}, which has ${block.length} bytes`);
    }
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
    const { memory, firstPage } = this.#block!;
    if (normal === 0) return;
    for (let i = 0; i < normal; ) {
      const offset = offsets[i]!;
      let length = this.#pageSize;
      for (i++; i < normal && offsets[i] === offset + length; i++) length += this.#pageSize;
      // Before they are written to: should the packet turn out to be bad, they are not zero any more
      const page = firstPage + offset / this.#pageSize;
      this.#received.addRange(page, page + length / this.#pageSize);
      packet.add(memory, offset, length);
    }
    packet.receive();
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

function sizeError(found: number, expected: string): PacketError {
  return new PacketError(
    'ERR_PACKET_SIZE',
    'next_packet_size',
    `${found} bytes, expected ${expected}`,
    RamField.payloadSize,
  );
}

function offsetError(index: number, offset: number, what: string): PacketError {
  const text = `0x${offset.toString(16)} is ${what}`;
  return new PacketError('ERR_PACKET_OFFSET', `offset ${index}`, text, RamField.offsets + 8 * index);
}
