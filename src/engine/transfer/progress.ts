import { readFileSync } from 'node:fs';
import type { Channels } from '../channels/index.ts';
import type { Proceedings } from './course.ts';
import type { ChannelProgress, TransferEventBody } from './events.ts';

/** What there is to report. */
export type Progress = Omit<
  Extract<TransferEventBody, { type: 'progress' }>,
  'type' | 'rate' | 'residentBytes'
>;

/** All channels as they are now; none where they were not started. */
export function channelsOf(channels: Channels | undefined, count: number): ChannelProgress[] {
  if (channels === undefined) return [];
  return Array.from({ length: count }, (_, id) => {
    const { bytes, packets } = channels.counters(id);
    return { id, bytes, packets };
  });
}

/** Report what `look` sees every `ms` until it is disposed of, and once more then. */
export function watchProgress(course: Proceedings, ms: number, look: () => Progress): Disposable {
  let bytes = 0;
  let atMs = performance.now();
  const report = () => {
    const progress = look();
    const now = performance.now();
    const rate = now > atMs ? ((progress.bytes - bytes) / (now - atMs)) * 1000 : 0;
    bytes = progress.bytes;
    atMs = now;
    course.emit({ type: 'progress', ...progress, rate: Math.round(rate), residentBytes: residentBytes() });
  };
  const timer = setInterval(report, ms);
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
      report();
    },
  };
}

/**
 * Anonymous memory of this process that is resident: a machine's memory lies in a memfd, and is not counted here.
 */
export function residentBytes(): number {
  const status = readFileSync('/proc/self/status', 'utf8');
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}
