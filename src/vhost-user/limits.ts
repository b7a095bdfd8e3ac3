/** Largest payload of a message either way: a memory table of 8 regions takes 264 bytes, a config of 256 takes 268. */
export const MAX_PAYLOAD = 4096;

/** Regions in one SET_MEM_TABLE. */
export const MAX_TABLE_REGIONS = 8;

/** Bytes of configuration space in one message. */
export const MAX_CONFIG = 256;

/** Descriptors with one message. */
export const MAX_MESSAGE_FDS = 8;

/** Requests of one front end that are served before its rings, and other front ends, have their turn. */
export const REQUESTS_AT_ONCE = 64;

/** Bytes of an inflight region: 256 packed queues of 4096 entries take 32 MiB. */
export const MAX_INFLIGHT = 64 * 1024 * 1024;

/** Queues or memory slots that a back end can say it has. */
export const MAX_COUNT = 0xffff;

/** Bytes of a device's state that a front end takes, unless it is told otherwise. */
export const MAX_STATE = 2 ** 36;

/** Bytes of a device's state that are taken into memory where a device is only tried out. */
export const MAX_TRIAL_STATE = 2 ** 30;
