import { PacketError } from './errors.ts';
import { PACKET_BYTES } from './limits.ts';

/**
 * Packets of a channel, as QEMU has them (`MultiFDPacket_t`, `MultiFDPacketDeviceState_t`). All numbers are big-endian.
 *
 *     0  magic, version, flags                     the channel's, the same for all kinds
 *
 *     RAM (and SYNC)                               device state
 *    12  u32  pages_alloc: offsets there is          12  256  idstr, NUL-padded
 *             room for behind the fixed part        268  u32  instance_id
 *    16  u32  normal_pages                          272  u32  next_packet_size
 *    20  u32  next_packet_size: bytes of payload    276       payload
 *    24  u64  packet_num: over all channels
 *    32  u32  zero_pages
 *    36   28  unused
 *    64  256  name of the RAM block, NUL-padded
 *   320  u64  offsets in the block, normal pages
 *             first; room for 512 KiB of pages,
 *             whatever pages_alloc says
 */
export const RamField = {
  pagesAlloc: 12,
  normalPages: 16,
  payloadSize: 20,
  packetNumber: 24,
  zeroPages: 32,
  block: 64,
  offsets: 320,
} as const;

export const DeviceStateField = { idstr: 12, instance: 268, payloadSize: 272, payload: 276 } as const;

/** Bytes of a name in a packet, the NUL behind it included. */
export const NAME_BYTES = 256;

/** Pages that one packet can carry. */
export function pagesPerPacket(pageSize: number): number {
  return PACKET_BYTES / pageSize;
}

/** Bytes of the header of a RAM or SYNC packet: always all of it, however few pages there are. */
export function ramHeaderLength(pageSize: number): number {
  return RamField.offsets + 8 * pagesPerPacket(pageSize);
}

/**
 * The header of a RAM or SYNC packet behind its first 12 bytes. One object serves all packets of a channel: neither reading
 * nor writing makes anything.
 */
export class RamHeader {
  readonly pageSize: number;
  /** Pages that a packet can carry. */
  readonly capacity: number;
  /** Bytes on the wire, the first 12 included. */
  readonly length: number;
  pagesAlloc = 0;
  normal = 0;
  zero = 0;
  payloadSize = 0;
  /** Its low 32 bits: the number only says in which order packets were made. */
  packetNumber = 0;
  /** The first `nameLength` bytes name the block. */
  readonly name = new Uint8Array(NAME_BYTES);
  nameLength = 0;
  /** Offsets in the block: `normal` of pages whose contents follow, then `zero` of pages that are zero. */
  readonly offsets: Float64Array;
  #bytes = new Uint8Array(0);
  #view = new DataView(this.#bytes.buffer);

  constructor(pageSize: number) {
    this.pageSize = pageSize;
    this.capacity = pagesPerPacket(pageSize);
    this.length = ramHeaderLength(pageSize);
    this.offsets = new Float64Array(this.capacity);
  }

  /** Write everything behind the first 12 bytes into `bytes`, which has room for `length`. */
  encode(bytes: Uint8Array<ArrayBuffer>): void {
    const view = this.#viewOf(bytes);
    bytes.fill(0, RamField.pagesAlloc, this.length);
    view.setUint32(RamField.pagesAlloc, this.pagesAlloc);
    view.setUint32(RamField.normalPages, this.normal);
    view.setUint32(RamField.payloadSize, this.payloadSize);
    view.setUint32(RamField.packetNumber + 4, this.packetNumber);
    view.setUint32(RamField.zeroPages, this.zero);
    for (let i = 0; i < this.nameLength; i++) bytes[RamField.block + i] = this.name[i]!;
    const pages = this.normal + this.zero;
    for (let i = 0; i < pages; i++) {
      const offset = this.offsets[i]!;
      view.setUint32(RamField.offsets + 8 * i, Math.floor(offset / 2 ** 32));
      view.setUint32(RamField.offsets + 8 * i + 4, offset >>> 0);
    }
  }

  /**
   * Read everything behind the first 12 bytes from `bytes`, of which `length` are there. Throws `ERR_PACKET_COUNT` for more
   * pages than a packet can carry, `ERR_PACKET_NAME` for a name that does not end, and `ERR_PACKET_OFFSET` for an offset
   * that no block reaches.
   */
  decode(bytes: Uint8Array<ArrayBuffer>): void {
    const view = this.#viewOf(bytes);
    this.pagesAlloc = view.getUint32(RamField.pagesAlloc);
    this.normal = view.getUint32(RamField.normalPages);
    this.payloadSize = view.getUint32(RamField.payloadSize);
    this.packetNumber = view.getUint32(RamField.packetNumber + 4);
    this.zero = view.getUint32(RamField.zeroPages);
    this.#checkCounts();
    this.#readName(bytes);
    const pages = this.normal + this.zero;
    for (let i = 0; i < pages; i++) {
      const at = RamField.offsets + 8 * i;
      const high = view.getUint32(at);
      if (high >= 2 ** 21)
        throw new PacketError('ERR_PACKET_OFFSET', `offset ${i}`, `beyond 2^53, in no RAM block`, at);
      this.offsets[i] = high * 2 ** 32 + view.getUint32(at + 4);
    }
  }

  /** Bytes of the contents of normal page `index` and of those after it that lie behind it in the block, too. */
  pieceAt(index: number): number {
    const offset = this.offsets[index]!;
    let length = this.pageSize;
    for (let i = index + 1; i < this.normal && this.offsets[i] === offset + length; i++)
      length += this.pageSize;
    return length;
  }

  /** Name the block: `bytes` is its name, 255 bytes at most. */
  setName(bytes: Uint8Array): void {
    this.name.set(bytes);
    this.nameLength = bytes.length;
  }

  /** Whether the block is called `bytes`. */
  isNamed(bytes: Uint8Array): boolean {
    if (bytes.length !== this.nameLength) return false;
    for (let i = 0; i < bytes.length; i++) if (bytes[i] !== this.name[i]) return false;
    return true;
  }

  /** The name of the block, for messages. */
  get blockName(): string {
    return Buffer.from(this.name.subarray(0, this.nameLength)).toString('utf8');
  }

  /** Made anew only where the header lies elsewhere than the last one. */
  #viewOf(bytes: Uint8Array<ArrayBuffer>): DataView {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    }
    return this.#view;
  }

  #checkCounts(): void {
    if (this.pagesAlloc > this.capacity)
      throw countError('pages_alloc', RamField.pagesAlloc, this.pagesAlloc, this.capacity);
    if (this.normal > this.pagesAlloc)
      throw countError('normal_pages', RamField.normalPages, this.normal, this.pagesAlloc);
    if (this.zero > this.pagesAlloc - this.normal)
      throw countError('zero_pages', RamField.zeroPages, this.zero, this.pagesAlloc - this.normal);
  }

  #readName(bytes: Uint8Array): void {
    let length = 0;
    for (; length < NAME_BYTES; length++) {
      const byte = bytes[RamField.block + length]!;
      if (byte === 0) break;
      this.name[length] = byte;
    }
    if (length === NAME_BYTES)
      throw new PacketError('ERR_PACKET_NAME', 'block', 'a name of 256 bytes without an end', RamField.block);
    this.nameLength = length;
  }
}

function countError(field: string, at: number, found: number, most: number): PacketError {
  return new PacketError('ERR_PACKET_COUNT', field, `${found} pages, at most ${most} are possible here`, at);
}
