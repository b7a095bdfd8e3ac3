import { countBits } from '../../memory/index.ts';
import { type Compressor, copyMemory, viewMemory } from '../../sys/index.ts';
import type { ChannelFacts, MemoryRange, PacketWriter, PayloadSource } from '../channels/index.ts';
import { pageMethod, ZeroPages } from '../methods/index.ts';
import { MAX_COMPRESSED, PACKET_BYTES } from './limits.ts';
import { RamHeader } from './packets.ts';
import type { PlacedBlock } from './ram-blocks.ts';
import { RamClaims } from './ram-claims.ts';
import { RamCounters } from './ram-counters.ts';
import type { RamSourceStart } from './ram-pass.ts';

/** A block as a sending thread sees it. */
interface SourceBlock extends PlacedBlock {
  readonly memory: MemoryRange;
  readonly zeroes: ZeroPages;
  readonly firstWord: number;
  /** The word after its last one. */
  readonly endWord: number;
  /** The pages of its last word: bits behind its end are nobody's. */
  readonly lastWord: number;
}

/** RAM on one sending channel: takes pages out of the chunks that it claims and sends up to 512 KiB of them in a packet. */
export class RamSource implements PayloadSource, Disposable {
  readonly ordered = true;
  readonly weight = 1;
  readonly #channel: number;
  readonly #pages: Int32Array<SharedArrayBuffer>;
  readonly #claims: RamClaims;
  readonly #counters: RamCounters;
  readonly #packetNumbers: Int32Array<SharedArrayBuffer>;
  readonly #blocks: readonly SourceBlock[];
  readonly #pageSize: number;
  readonly #zeroPages: boolean;
  readonly #method: number;
  readonly #compressor: Compressor | undefined;
  readonly #header: RamHeader;
  /** Words of the claimed chunk that were not looked at yet. */
  #word = 0;
  #endWord = 0;
  /** What was taken: page numbers in `#block`, rising. */
  #block: SourceBlock;
  readonly #taken: Int32Array;
  readonly #zero: Uint8Array;
  #count = 0;

  constructor(start: RamSourceStart, channel: ChannelFacts) {
    const { blocks, pageSize } = start.layout;
    this.#channel = channel.id;
    this.#pages = new Int32Array(start.pages);
    this.#claims = new RamClaims(start.claims);
    this.#counters = new RamCounters(channel.channels, start.counters);
    this.#packetNumbers = new Int32Array(start.packetNumbers);
    this.#pageSize = pageSize;
    this.#zeroPages = start.zeroPages;
    this.#header = new RamHeader(pageSize);
    this.#taken = new Int32Array(this.#header.capacity);
    this.#zero = new Uint8Array(this.#header.capacity);
    this.#blocks = blocks.map((block) => sourceBlock(block, pageSize));
    this.#block = this.#blocks[0]!;
    const method = pageMethod(start.method);
    this.#method = method.flag;
    this.#compressor = method.compressor(start.level);
  }

  take(): boolean {
    this.#count = 0;
    while (this.#count < this.#taken.length) {
      if (this.#word >= this.#endWord && !this.#claim()) break;
      if (Atomics.load(this.#pages, this.#word) === 0) this.#word++;
      else if (!this.#takeWord()) break;
    }
    return this.#count > 0;
  }

  write(packet: PacketWriter): void {
    const header = this.#header;
    this.#sort();
    header.pagesAlloc = header.capacity;
    header.setName(this.#block.nameBytes);
    header.packetNumber = Atomics.add(this.#packetNumbers, 0, 1) >>> 0;
    header.payloadSize = header.normal === 0 ? 0 : this.#addPages(packet);
    header.encode(packet.header.bytes);
    packet.send(this.#method, header.length);
    this.#counters.add(this.#channel, header.normal, header.zero, header.payloadSize);
  }

  [Symbol.dispose](): void {
    this.#compressor?.[Symbol.dispose]();
  }

  #claim(): boolean {
    const chunk = this.#claims.claim(this.#channel);
    if (chunk < 0) return false;
    const { chunkWords, words } = this.#claims.shared;
    this.#word = chunk * chunkWords;
    this.#endWord = Math.min(words, this.#word + chunkWords);
    return true;
  }

  /** Take what is to be sent of the next word, as far as there is room. False where it belongs to another block than the rest. */
  #takeWord(): boolean {
    const word = this.#word;
    if (word < this.#block.firstWord || word >= this.#block.endWord) {
      if (this.#count > 0) return false;
      this.#block = this.#blocks.find((block) => word < block.endWord)!;
    }
    const mask = word === this.#block.endWord - 1 ? this.#block.lastWord : -1;
    const found = Atomics.load(this.#pages, word) & mask;
    const wanted = lowestBits(found, this.#taken.length - this.#count);
    // Bits that are no pages go, too
    const taken = Atomics.and(this.#pages, word, ~wanted & mask) & wanted;
    // What is set from here on waits for the next pass: a page that is written to all the time does not hold this one up
    if (wanted === found) this.#word++;
    this.#claims.note(word, taken);
    const base = (word - this.#block.firstWord) * 32;
    for (let rest = taken; rest !== 0; rest &= rest - 1)
      this.#taken[this.#count++] = base + 31 - Math.clz32(rest & -rest);
    return true;
  }

  /** Tell the pages that are zero from the others, and put them into the header: normal pages first. */
  #sort(): void {
    const { offsets } = this.#header;
    const zeroes = this.#zeroPages ? this.#block.zeroes.find(this.#taken, this.#count, this.#zero) : 0;
    let normal = 0;
    let zero = this.#count - zeroes;
    for (let i = 0; i < this.#count; i++) {
      const isZero = zeroes > 0 && this.#zero[i] === 1;
      offsets[isZero ? zero++ : normal++] = this.#taken[i]! * this.#pageSize;
    }
    this.#header.normal = normal;
    this.#header.zero = zeroes;
  }

  /** Add the contents of the normal pages to the payload. Returns how long it is. */
  #addPages(packet: PacketWriter): number {
    // The guest may write to its pages while they are sent: what has to hold still is copied first
    const copy = packet.checksum || this.#compressor !== undefined;
    const length = this.#eachPiece(packet, copy);
    if (!copy) return length;
    if (this.#compressor === undefined) {
      packet.add(packet.staging, 0, length);
      return length;
    }
    const { address } = packet.staging;
    const compressed = this.#compressor.compress(address, length, address + PACKET_BYTES, MAX_COMPRESSED);
    packet.add(packet.staging, PACKET_BYTES, compressed);
    return compressed;
  }

  /** Add the normal pages to the payload, or copy them to the staging area, neighbours in one piece. Returns their length. */
  #eachPiece(packet: PacketWriter, copy: boolean): number {
    const { offsets, normal } = this.#header;
    const { memory } = this.#block;
    let total = 0;
    for (let i = 0; i < normal; ) {
      const offset = offsets[i]!;
      const length = this.#header.pieceAt(i);
      if (copy) copyMemory(packet.staging.address + total, memory.address + offset, length);
      else packet.add(memory, offset, length);
      total += length;
      i += length / this.#pageSize;
    }
    return total;
  }
}

function sourceBlock(block: PlacedBlock, pageSize: number): SourceBlock {
  const { address, length, pages, firstPage } = block;
  const firstWord = firstPage / 32;
  const bytes = viewMemory(address, length);
  return {
    ...block,
    memory: { bytes, address },
    zeroes: new ZeroPages(bytes, address, pageSize),
    firstWord,
    endWord: firstWord + Math.ceil(pages / 32),
    lastWord: pages % 32 === 0 ? -1 : (1 << (pages % 32)) - 1,
  };
}

/** The `most` lowest of the bits that are set. */
function lowestBits(word: number, most: number): number {
  let rest = word;
  for (let left = countBits(word) - most; left > 0; left--) rest &= ~(1 << (31 - Math.clz32(rest)));
  return rest;
}
