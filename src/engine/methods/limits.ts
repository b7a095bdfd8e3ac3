/** A zstd stream may ask for a window of two to the power of this: 32 MiB, as at the highest level. */
export const ZSTD_WINDOW_LOG = 25;

/** The highest level of zlib. */
export const MAX_ZLIB_LEVEL = 9;

/** The highest level of zstd: QEMU's. */
export const MAX_ZSTD_LEVEL = 20;
