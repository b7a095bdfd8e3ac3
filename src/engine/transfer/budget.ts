import { ZSTD_WINDOW_LOG } from '../methods/index.ts';
import type { MessageOf } from './control/messages.ts';

/** Bytes of one channel thread at most: its own JavaScript engine, staging, header and checksums. */
const CHANNEL_BYTES = 32 * 1024 * 1024;

/** Sets of pages that there are at each end: what is to be sent and what was claimed of it, or what was received. */
const PAGE_SETS = 4;

/** What says how much it takes at most. */
interface Bounded {
  readonly worstCaseBytes: number;
}

/**
 * What one end of a transfer may use at most, in bytes, beside the machine's own memory and threads, and beside what the
 * process uses without one. To be added to the limit of a memory cgroup.
 */
export function budgetOf(
  { channels, method }: MessageOf<'open'>,
  pages: number,
  slots: Bounded | undefined,
  pool: Bounded | undefined,
): number {
  const channel = CHANNEL_BYTES + (method === 'zstd' ? 2 ** ZSTD_WINDOW_LOG : 0);
  return (
    channels * channel +
    PAGE_SETS * Math.ceil(pages / 8) +
    (slots?.worstCaseBytes ?? 0) +
    (pool?.worstCaseBytes ?? 0)
  );
}
