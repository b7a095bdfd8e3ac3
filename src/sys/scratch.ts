import { mapAnonymous } from './mapping.ts';

/**
 * One mapped area per thread for the structures that system calls want (msghdr, iovec, control data, bounce buffer):
 * its address is known, nothing is pinned and nothing is allocated per call. It lives as long as the thread.
 */
const BOUNCE_OFFSET = 8192;

/** Bytes that one `sendMessage` or `receiveMessage` can carry. */
export const BOUNCE_LENGTH = 65536;

const mapping = mapAnonymous(BOUNCE_OFFSET + BOUNCE_LENGTH, 'system call scratch');

export const scratch = {
  address: mapping.address,
  words: new BigUint64Array(mapping.buffer, 0, BOUNCE_OFFSET / 8),
  ints: new Int32Array(mapping.buffer, 0, BOUNCE_OFFSET / 4),
  bounceAddress: mapping.address + BOUNCE_OFFSET,
  bounce: new Uint8Array(mapping.buffer, BOUNCE_OFFSET, BOUNCE_LENGTH),
} as const;
