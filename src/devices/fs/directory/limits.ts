/** Descriptors of the process that are kept for everything but the files of the guest. */
export const RESERVED_DESCRIPTORS = 512;

/** Descriptors for files of the guest in any case, however few the process may have. */
export const FEWEST_DESCRIPTORS = 64;

/** Descriptors that are kept free for the one request that opens most: READDIRPLUS, one for each name. */
export const ROOM_FOR_ONE_REQUEST = 1024;

/** Inodes that are looked at before a request, to find some whose descriptors can be closed. */
export const EVICTION_STEPS = 256;

/** Files of the host that a guest can refer to at the same time; beyond it the answer is ENFILE. */
export const MAX_NODES = 2 ** 21;
