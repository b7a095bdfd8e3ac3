/** Mapped memory: `bytes[0]` lies at `address` in this process. */
export interface MemoryRange {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly address: number;
}

/** Room for the longest fixed header of any kind. */
export const HEADER_ROOM = 64 * 1024;

/** Bytes of a channel's staging area: the longest payload of one packet and a little more. */
export const STAGING_ROOM = 2 * 1024 * 1024;

/**
 * One packet on its way out, filled again for each: header, then pieces of mapped memory, written in one go. Filling
 * allocates nothing.
 */
export interface PacketWriter {
  /** Where the header is composed; the first 12 bytes (magic, version, flags) are the channel's. */
  readonly header: MemoryRange;
  /** Memory of this channel alone, for payloads that have to be copied or compressed. */
  readonly staging: MemoryRange;
  /** Whether a checksum goes behind the payload: what is added must then not change before `send` returns. */
  readonly checksum: boolean;
  /** Append `length` bytes of `range` from byte `offset` on to the payload, straight from where they lie. */
  add(range: MemoryRange, offset: number, length: number): void;
  /** Write the packet: `headerLength` bytes of header with `flags`, then what was added. Blocks. */
  send(flags: number, headerLength: number): void;
}

/** One packet on its way in. The channel has read the first 12 bytes of its header. */
export interface PacketReader {
  /** The header as far as it was read. */
  readonly header: MemoryRange;
  /** Memory of this channel alone, for payloads that have to be decompressed or thrown away. */
  readonly staging: MemoryRange;
  /** Read on until `length` bytes of the header are there. Blocks. */
  readHeader(length: number): void;
  /** The next bytes of the payload go to `length` bytes of `range` from byte `offset` on. */
  add(range: MemoryRange, offset: number, length: number): void;
  /** Read everything that was added. Blocks. */
  receive(): void;
  /** All of the packet was read: check what comes behind it, such as its checksum. Throws where it does not hold. */
  end(): void;
}
