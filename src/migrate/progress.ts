import type { MigrationInfo } from '../qmp/index.ts';

/** How far pre-copy has come. Bytes, bytes per second, milliseconds. */
export interface Progress {
  readonly transferred: number;
  readonly remaining: number;
  readonly total: number;
  /** Passes over memory that have begun; each copies what the guest wrote during the one before. */
  readonly pass: number;
  /** Smoothed; absent until two samples are there. */
  readonly rate: number | undefined;
  /** What the guest writes, as QEMU saw it in the last pass. */
  readonly dirtyRate: number | undefined;
  /** How long the guest would stand still if it were stopped now. */
  readonly expectedDowntimeMs: number | undefined;
  /** Shortest and longest time to the switchover; no longest when the guest writes faster than the link carries. */
  readonly timeLeftMs: readonly [number, number | undefined] | undefined;
}

const SMOOTHING = 0.4;
const SAMPLE_MS = 400;

/** Turns QEMU's counters into rates. */
export class ProgressMeter {
  #last: { atMs: number; transferred: number } | undefined;
  #rate: number | undefined;

  /** The progress that `info`, asked for at `atMs`, stands for; undefined before QEMU counts. */
  read(info: MigrationInfo, atMs: number): Progress | undefined {
    const { ram } = info;
    if (ram === undefined) return undefined;
    this.#sample(atMs, ram.transferred);
    const dirtyRate = ram['dirty-pages-rate'] * ram['page-size'];
    const expected = info['expected-downtime'];
    return {
      transferred: ram.transferred,
      remaining: ram.remaining,
      total: ram.total,
      pass: ram['dirty-sync-count'],
      rate: this.#rate,
      dirtyRate: ram['dirty-sync-count'] > 1 ? dirtyRate : undefined,
      // QEMU 11 says 2^63 - 1 when it has no estimate.
      expectedDowntimeMs: expected !== undefined && Number.isSafeInteger(expected) ? expected : undefined,
      timeLeftMs: timeLeft(ram.remaining, this.#rate, dirtyRate),
    };
  }

  #sample(atMs: number, transferred: number): void {
    if (this.#last === undefined) {
      this.#last = { atMs, transferred };
      return;
    }
    const elapsed = atMs - this.#last.atMs;
    if (elapsed < SAMPLE_MS) return;
    const now = ((transferred - this.#last.transferred) * 1000) / elapsed;
    this.#rate = this.#rate === undefined ? now : SMOOTHING * now + (1 - SMOOTHING) * this.#rate;
    this.#last = { atMs, transferred };
  }
}

function timeLeft(
  remaining: number,
  rate: number | undefined,
  dirtyRate: number,
): readonly [number, number | undefined] | undefined {
  if (rate === undefined || rate <= 0) return undefined;
  const net = rate - dirtyRate;
  return [Math.round((remaining / rate) * 1000), net > 0 ? Math.round((remaining / net) * 1000) : undefined];
}
