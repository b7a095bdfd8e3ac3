/** The longest a file can be, in bytes: every offset and every sum of an offset and a length stays exact. */
export const MAX_FILE_SIZE = 2 ** 52;

/** The most pages one arena can have: 4 TiB of contents. */
export const MAX_ARENA_PAGES = 2 ** 30 - 1;

/** Freed pages with old bytes in them that are kept for reuse before memory goes back to the host: 32 MiB. */
export const STALE_PAGES = 8192;

/** Runs of pages that one release gives back to the host at most, so that no request waits long for it. */
export const TRIM_RUNS = 64;
