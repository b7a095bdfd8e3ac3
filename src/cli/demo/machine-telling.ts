import type { Outcome, PhaseName, TransferEvent } from '../../engine/transfer/index.ts';
import type { Timeline } from './timeline.ts';

/** Phases of a transfer in which memory and state are on their way. */
const MOVING: ReadonlySet<string> = new Set(['pre-copy', 'switchover', 'loading']);

/** Phases of the source that are worth a line. */
const PHASE_WORDS: Partial<Record<PhaseName, string>> = {
  open: 'The two ends agree on what moves, and how',
  setup: 'The channels come up',
  'pre-copy': 'RAM is copied while the guest goes on writing',
  switchover: 'The guest is stopped: what it wrote last and the state of all disks go over together',
  loading: 'Everything is sent; the last of it is loaded and checked',
  commit: 'The machine is handed over',
  'roll-back': 'Going back: the machine is to run on here',
};

/** How a transfer ended, in a line. */
export function describeOutcome({ outcome, machineAt, why }: Outcome): string {
  return `${outcome}, the machine is at the ${machineAt}${why === undefined ? '' : `: ${why}`}`;
}

/** Tell what happens in a transfer. */
export function tellEvent(timeline: Timeline, event: TransferEvent): void {
  switch (event.type) {
    case 'phase':
      tellPhase(timeline, event.phase);
      break;
    case 'pass': {
      const { pass, pages, ms, rate, remaining, pauseMs } = event;
      const known = { ...(rate !== undefined && { rate }), ...(pauseMs !== undefined && { pauseMs }) };
      timeline.pass({ pass, pages, ms, remaining, ...known });
      break;
    }
    case 'channel':
      timeline.step(`channel ${event.id} ${event.did}${event.why === undefined ? '' : `: ${event.why}`}`);
      break;
    case 'note':
      timeline.step(event.text);
  }
}

function tellPhase(timeline: Timeline, phase: PhaseName): void {
  const words = PHASE_WORDS[phase];
  if (words !== undefined) timeline.step(words);
}

/** Tell the figures of a move that completed. */
export function tellFigures(
  timeline: Timeline,
  { downtimeMs, totalMs, passes, bytes, phases }: Outcome,
): void {
  if (downtimeMs !== undefined) timeline.figure('downtime', downtimeMs, 'ms');
  timeline.figure('the whole move', totalMs, 'ms');
  timeline.figure('passes over memory', passes, 'passes');
  timeline.figure('on the wire', bytes, 'bytes');
  const moving = phases.filter(({ phase }) => MOVING.has(phase)).reduce((sum, { ms }) => sum + ms, 0);
  if (moving > 0)
    timeline.figure(
      'of it per second while it moved',
      Math.round(bytes / 2 ** 20 / (moving / 1000)),
      'MiB/s',
    );
}
