/** Bytes before a frame's payload. */
export const HEADER_SIZE = 64;

/** A whole frame is at most this long, so that it fits one transfer slot and one packet. */
export const MAX_FRAME = 1024 * 1024;

/** Bytes that one record can carry. */
export const MAX_PAYLOAD = MAX_FRAME - HEADER_SIZE;

/** Characters in the name of a section or a device. */
export const MAX_NAME = 40;

/** Frames are numbered with 32 bits. */
export const MAX_FRAMES = 0xffffffff;

/** What a reader takes of one stream unless it is told otherwise, all headers included. */
export const DEFAULT_MAX_STREAM = 64 * 1024 * 1024 * 1024;
