/**
 * The first bytes of everything on a channel, all big-endian:
 *
 *     hello, once:   magic u32, version u32, … (hello.ts)
 *     each packet:   magic u32, version u32, flags u32, then what the kind of payload lays out
 */
export const CHANNEL_MAGIC = 0x1122_3344;
export const CHANNEL_VERSION = 1;

/** First bytes of a main stream: QEMU's, and Ferry's own. */
export const QEMU_MAIN_MAGIC = 0x5145_564d;
export const FERRY_MAIN_MAGIC = 0x4652_4354;

/** What the watcher's thread ends at. */
export const STOP_TOKEN = 0;

/** Bytes of magic, version and flags. */
export const HEAD_BYTES = 12;

/** Bytes of the CRC-32C behind a packet with the checksum flag. */
export const CHECKSUM_BYTES = 4;

/** Flags of a packet as far as channels know them. */
export const PacketFlag = {
  /** The sender has posted a barrier. */
  sync: 0x01,
  /** Everything that stock peers know. */
  stock: 0x7f,
  /** Extended: a CRC-32C stands behind the payload. */
  checksum: 0x80,
} as const;
