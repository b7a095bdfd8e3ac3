import { CHANNEL_BYTES } from '../channels/index.ts';
import { ZSTD_WINDOW_LOG } from '../methods/index.ts';
import type { MessageOf } from './control/messages.ts';

/** Bytes of one thread's own JavaScript engine at most, with the modules of a channel. */
const THREAD_BYTES = 30 * 1024 * 1024;

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
  const channel = THREAD_BYTES + CHANNEL_BYTES + (method === 'zstd' ? 2 ** ZSTD_WINDOW_LOG : 0);
  return (
    channels * channel +
    PAGE_SETS * Math.ceil(pages / 8) +
    (slots?.worstCaseBytes ?? 0) +
    (pool?.worstCaseBytes ?? 0)
  );
}
