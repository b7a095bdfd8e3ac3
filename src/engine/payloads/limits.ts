/** Bytes of memory that the pages of one packet hold at most. */
export const PACKET_BYTES = 512 * 1024;

/** Bytes of a packet's compressed pages: QEMU has room for no more, and does not check. */
export const MAX_COMPRESSED = 2 ** 20;

/** Bytes in the name of a RAM block. */
export const MAX_BLOCK_NAME = 255;

/** RAM blocks of one machine. */
export const MAX_BLOCKS = 4096;

/** Pages of all RAM blocks together, rounded up to whole words of 32: 8 TiB of those that have 4096 bytes. */
export const MAX_PAGES = 2 ** 31 - 32;

/** Pages that a channel claims at a time, to send those of them that are to be sent. */
export const CHUNK_PAGES = 256;
