/** Request queues that a device can have. */
export const MAX_QUEUES = 64;

/** Entries that a queue has at most unless the device is told otherwise. */
export const QUEUE_SIZE = 1024;

/** Pieces of data that the driver may put into one request: with header and status they fit a queue of 128 entries. */
export const MAX_DATA_SEGMENTS = 126;

/** Ranges in one DISCARD or WRITE_ZEROES. */
export const MAX_RANGES = 32;

/** Bytes in one range of a DISCARD or WRITE_ZEROES. */
export const MAX_RANGE_BYTES = 2 ** 30;

/** Worker threads for calls that may wait for the storage. */
export const MAX_LANES = 64;

/** Lanes of a device that is not told otherwise. They are started as they are needed. */
export const LANES = 4;

/** Milliseconds that the first lane may take to come up. */
export const START_WITHIN = 10_000;

/** Calls that wait for one lane or are made by it; each has a buffer of its own. */
export const JOBS_PER_LANE = 4;

/** Bytes that one call of a lane moves at most; larger requests take several, one after the other. */
export const JOB_BYTES = 2 ** 20;

/** Milliseconds that stopping waits for requests under way before it gives up those that have not begun, and reads. */
export const SETTLE = 5_000;

/** A write by the device's own thread that takes longer than this, in milliseconds, says that the storage is behind. */
export const SLOW_WRITE = 5;

/** For how long writes go to the lanes then, in milliseconds. */
export const RELIEF = 100;

/** Failures of the storage that are told about; there may be any number. */
export const MAX_FAILURES_TOLD = 20;

/** Bytes of a disk in memory: at least one page. */
export const FEWEST_BYTES = 4096;
