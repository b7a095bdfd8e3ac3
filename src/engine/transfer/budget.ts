/** Bytes of one channel thread at most: its own JavaScript engine, staging, header and compression stream. */
const CHANNEL_BYTES = 24 * 1024 * 1024;

/** Sets of pages that there are at each end: what is to be sent and what was claimed of it, or what was received. */
const PAGE_SETS = 4;

/**
 * What one end of a transfer may use at most, in bytes, beside the machine's own memory and threads. To be added to the limit
 * of a memory cgroup.
 */
export function budgetOf(
  channels: number,
  pages: number,
  slots: { readonly worstCaseBytes: number } | undefined,
): number {
  return channels * CHANNEL_BYTES + PAGE_SETS * Math.ceil(pages / 8) + (slots?.worstCaseBytes ?? 0);
}
