import { IN_HEADER } from './constants.ts';
import { WriteIn } from './structs.ts';

/** Bytes of header and arguments that are copied out of guest memory: the longest is SETXATTR with 64 KiB of value. */
export const REQUEST_SCRATCH = 96 * 1024;

/** Bytes of a reply that is built in scratch memory, header and all; READ and long attribute values go by another way. */
export const REPLY_SCRATCH = 72 * 1024;

/** Bytes that one request at a time and its reply are worked on in. */
export const EXCHANGE_SCRATCH = REQUEST_SCRATCH + REPLY_SCRATCH;

/**
 * Bytes of a request that are copied at once, before it is known what it is: header and arguments of a WRITE, so that
 * the chain stands at its data then.
 */
export const FIRST_PIECE = IN_HEADER + WriteIn.size;

/** Bytes in a name within a directory. */
export const NAME_MAX = 255;

/** Bytes of data in one READ or WRITE. */
export const MAX_TRANSFER = 1024 * 1024;

/** Pages of 4 KiB that a request may have: `MAX_TRANSFER` in pages. */
export const MAX_PAGES = 256;
