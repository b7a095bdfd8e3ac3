/** Milliseconds that a program may take to print its document, or to check its arguments, unless told otherwise. */
export const PROGRAM_WITHIN = 10_000;

/** Bytes of a migration info document, wherever it comes from. */
export const MAX_DOCUMENT_BYTES = 4_194_304;

/** Characters of what a program wrote to stderr that a message repeats. */
export const MAX_REASON = 65_536;

/** Milliseconds that stdin may take to come to its end. */
export const STDIN_WITHIN = 30_000;

/** Bytes of one line of an inventory: a document, and what is said about it. */
export const MAX_LINE = 8_388_608;

/** Implementations in an inventory. */
export const MAX_INVENTORY = 1_000_000;

/** Different documents of one inventory that are remembered, so that hosts of one kind cost little. */
export const REMEMBERED = 64;

/** Characters of an entry beyond which its document is not remembered. */
export const MAX_REMEMBERED = 65_536;

/** Characters of an id, a label or a place in an inventory. */
export const MAX_ID = 1024;

/** Labels of one implementation in an inventory. */
export const MAX_LABELS = 256;

/** Bytes of an attribute in sysfs: a page, as the kernel has it. */
export const MAX_ATTRIBUTE = 4096;

/** Types and devices below one parent in sysfs. */
export const MAX_SYSFS_ENTRIES = 4096;

/** Bytes of a vhost-user descriptor. */
export const MAX_DESCRIPTOR = 65_536;

/** Vhost-user descriptors in one folder. */
export const MAX_DESCRIPTORS = 1024;

/** Documents that a cache keeps. */
export const MAX_CACHED = 1024;

/** Bytes that all documents of a cache have together. */
export const MAX_CACHE_BYTES = 67_108_864;

/** Milliseconds that a document is kept without being read anew: a week. */
export const MAX_CACHE_AGE = 604_800_000;
