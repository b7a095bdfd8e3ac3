/** Bytes of one message on the main connection, with its head and checksum. */
export const MAX_MESSAGE = 1024 * 1024;

/** Memory blocks of a machine. */
export const MAX_BLOCKS = 1024;

/** Channels of one transfer, as their hello can number them. */
export const MAX_CHANNELS = 255;

/** Bytes of the name of a block or a device, as packets have room for it. */
export const MAX_NAME = 255;

/** Bytes of a text for people, such as why a transfer failed. Longer ones are cut off by their sender. */
export const MAX_TEXT = 4096;

/** Bytes that wait to be written to the main connection; a peer that lets more pile up counts as dead. */
export const MAX_UNSENT = 4 * 1024 * 1024;

/** Messages that were read and not looked at yet. */
export const MAX_UNREAD = 1024;

/** Channels of a transfer unless its source says otherwise; a destination has as many threads ready beforehand. */
export const DEFAULT_CHANNELS = 4;
