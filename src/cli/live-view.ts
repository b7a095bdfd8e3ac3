import { styleText } from 'node:util';
import type { Finding, MigrateEvent, PhaseName, Progress } from '../migrate/index.ts';
import { formatSize, formatTime } from './quantities.ts';

const PLAIN_EVERY_MS = 5_000;
const ERASE_LINE = '\r\x1b[K';

const PHASE_WORDS: Readonly<Record<PhaseName, string>> = {
  connect: 'Connecting to both monitors',
  check: 'Checking',
  prepare: 'Setting both sides up',
  'pre-copy': 'Copying memory, the guest runs at the source',
  switchover: 'The guest is stopped, its devices move',
  commit: 'Starting the guest at the destination',
  'roll-back': 'Going back to the source',
  ended: 'Done',
};

/** A stream that people look at. */
export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/**
 * Shows a move while it goes on: one line that is redrawn on a terminal, plain lines elsewhere. Checks are shown when they
 * warn or refuse, all of them when `everything` is set.
 */
export class LiveView {
  readonly #screen: Screen;
  readonly #everything: boolean;
  #phase: PhaseName = 'connect';
  #drawn = false;
  #plainAt = Number.NEGATIVE_INFINITY;

  constructor(screen: Screen, everything: boolean) {
    this.#screen = screen;
    this.#everything = everything;
  }

  show(event: MigrateEvent): void {
    switch (event.type) {
      case 'phase':
        this.#phase = event.phase;
        if (event.phase !== 'ended') this.#line(`${stamp(event.atMs)}  ${PHASE_WORDS[event.phase]}`);
        break;
      case 'check':
        if (this.#everything || event.verdict !== 'ok') this.#line(formatFinding(event));
        break;
      case 'plan':
        if (this.#everything)
          for (const [index, step] of event.steps.entries()) this.#line(`  ${index + 1}. ${step}`);
        break;
      case 'note':
        this.#line(`${stamp(event.atMs)}  ${event.text}`);
        break;
      case 'progress':
        this.#progress(event, event.atMs);
        break;
    }
  }

  #progress(progress: Progress, atMs: number): void {
    const text = `${stamp(atMs)}  ${this.#phase}  ${formatProgress(progress)}`;
    if (this.#screen.isTTY === true) {
      this.#screen.write(ERASE_LINE + text.slice(0, Math.max(1, (this.#screen.columns ?? 80) - 1)));
      this.#drawn = true;
    } else if (atMs - this.#plainAt >= PLAIN_EVERY_MS) {
      this.#plainAt = atMs;
      this.#line(text);
    }
  }

  #line(text: string): void {
    this.#screen.write(`${this.#drawn ? ERASE_LINE : ''}${text}\n`);
    this.#drawn = false;
  }

  /** Take the redrawn line away. */
  end(): void {
    if (this.#drawn) this.#screen.write(ERASE_LINE);
    this.#drawn = false;
  }
}

const stamp = (atMs: number) => `${(atMs / 1000).toFixed(1).padStart(6)} s`;

const MARKS = {
  ok: () => styleText('green', '   ok'),
  warn: () => styleText('yellow', ' warn'),
  refuse: () => styleText('red', '  NO '),
} as const;

/** A finding in one line, or two when there is something to do. */
export function formatFinding({ id, verdict, found, expected, remedy }: Finding): string {
  const head = `${MARKS[verdict]()}  ${id}: ${found}`;
  if (verdict === 'ok') return head;
  return `${head}\n       expected ${expected}${remedy === undefined ? '' : `\n       ${remedy}`}`;
}

/** Bytes, rate, what the guest writes, pass, pause if it were stopped now, time left as a range. */
export function formatProgress(progress: Progress): string {
  const { transferred, remaining, rate, dirtyRate, pass, expectedDowntimeMs, timeLeftMs } = progress;
  const parts = [`${formatSize(transferred)} sent, ${formatSize(remaining)} left`];
  if (rate !== undefined) parts.push(`${formatSize(rate)}/s`);
  if (dirtyRate !== undefined) parts.push(`dirty ${formatSize(dirtyRate)}/s`);
  parts.push(`pass ${pass}`);
  if (expectedDowntimeMs !== undefined) parts.push(`pause ~${formatTime(expectedDowntimeMs)}`);
  if (timeLeftMs !== undefined) {
    const [shortest, longest] = timeLeftMs;
    parts.push(
      `${formatTime(shortest)} to ${longest === undefined ? 'no end yet' : formatTime(longest)} left`,
    );
  }
  return parts.join('  ');
}
