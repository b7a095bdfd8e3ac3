/** How patient pre-copy is with a guest that goes on writing to its memory. */
export interface ConvergenceRule {
  /** Longest pause that may be asked of the guest, in milliseconds. */
  readonly maxDowntimeMs: number;
  /** Without net progress for this long, pre-copy has stalled. */
  readonly patienceMs: number;
  /** Relative improvement below which what remains counts as not smaller. */
  readonly margin: number;
}

export const CONVERGENCE: Omit<ConvergenceRule, 'maxDowntimeMs'> = { patienceMs: 60_000, margin: 0.04 };

/** What pre-copy looks like at one moment. */
export interface ConvergenceSample {
  readonly atMs: number;
  readonly pass: number;
  readonly remaining: number;
  /** Bytes per second that the link carries, if known. */
  readonly rate: number | undefined;
}

export type Decision =
  | { readonly kind: 'go-on' }
  /** Let the pause be this long: the smallest remainder there will be fits into it. */
  | { readonly kind: 'raise'; readonly downtimeMs: number; readonly why: string }
  | { readonly kind: 'give-up'; readonly why: string };

const GO_ON: Decision = { kind: 'go-on' };
const HOPELESS = 1.5;
const LEAST_PATIENCE_MS = 1_000;
const POINT_EVERY_MS = 100;

/**
 * Decides whether pre-copy will end. It looks at what remains when a pass ends, that is when what the guest
 * wrote meanwhile has just been counted. Pre-copy has stalled when that is no smaller than the smallest seen longer than `patienceMs`
 * ago. Then the next local minimum is awaited with falling patience and rising target; if its pause is within the limit,
 * that much is allowed, if it is hopelessly beyond, pre-copy is given up.
 */
export class Convergence {
  readonly #rule: ConvergenceRule;
  #recent: { atMs: number; remaining: number }[] = [];
  #smallestOld = Number.POSITIVE_INFINITY;
  #pass = 0;
  #stall: { target: number; patienceMs: number; untilMs: number } | undefined;
  #raisedUntilMs: number | undefined;

  constructor(rule: ConvergenceRule) {
    this.#rule = rule;
  }

  /** Whether pre-copy makes no net progress at present. */
  get stalled(): boolean {
    return this.#stall !== undefined;
  }

  sample({ atMs, pass, remaining, rate }: ConvergenceSample): Decision {
    if (this.#raisedUntilMs !== undefined)
      return atMs < this.#raisedUntilMs
        ? GO_ON
        : giveUp(remaining, rate, 'even the longest pause was not enough');
    const passEnded = pass !== this.#pass;
    this.#pass = pass;
    if (passEnded && pass > 1) this.#note(atMs, remaining);
    if (this.#stall === undefined) return GO_ON;
    if (passEnded && remaining <= this.#stall.target) {
      const decision = this.#atMinimum(atMs, remaining, rate);
      if (decision.kind !== 'go-on') return decision;
    }
    if (atMs >= this.#stall.untilMs) return this.#lessPatience(atMs, remaining, rate);
    return GO_ON;
  }

  #note(atMs: number, remaining: number): void {
    const since = atMs - this.#rule.patienceMs;
    while (this.#recent[0] !== undefined && this.#recent[0].atMs <= since)
      this.#smallestOld = Math.min(this.#smallestOld, this.#recent.shift()!.remaining);
    const stalled = remaining >= this.#smallestOld * (1 - this.#rule.margin);
    if (!stalled) this.#stall = undefined;
    else
      this.#stall ??= {
        target: this.#smallest() * (1 + this.#rule.margin),
        patienceMs: this.#rule.patienceMs,
        untilMs: atMs + this.#rule.patienceMs,
      };
    const last = this.#recent.at(-1);
    if (last !== undefined && atMs - last.atMs < POINT_EVERY_MS)
      last.remaining = Math.min(last.remaining, remaining);
    else this.#recent.push({ atMs, remaining });
  }

  #smallest(): number {
    return this.#recent.reduce((least, point) => Math.min(least, point.remaining), this.#smallestOld);
  }

  #atMinimum(atMs: number, remaining: number, rate: number | undefined): Decision {
    const pause = impliedPause(remaining, rate);
    const { maxDowntimeMs, patienceMs } = this.#rule;
    if (pause === undefined) return GO_ON;
    if (pause >= HOPELESS * maxDowntimeMs)
      return giveUp(
        remaining,
        rate,
        `at best that is a pause of ${Math.round(pause)} ms, the limit is ${maxDowntimeMs} ms`,
      );
    if (pause > maxDowntimeMs) return GO_ON;
    this.#raisedUntilMs = atMs + patienceMs;
    return {
      kind: 'raise',
      downtimeMs: maxDowntimeMs,
      why: `no net progress, and the rest is a pause of about ${Math.round(pause)} ms`,
    };
  }

  #lessPatience(atMs: number, remaining: number, rate: number | undefined): Decision {
    const stall = this.#stall!;
    const higher = this.#recent.map((point) => point.remaining).filter((one) => one > stall.target);
    const patienceMs = stall.patienceMs / 2;
    if (higher.length === 0 || patienceMs < LEAST_PATIENCE_MS)
      return giveUp(
        remaining,
        rate,
        `no net progress for ${Math.round(this.#rule.patienceMs / 1000)} s and no better moment came`,
      );
    this.#stall = { target: Math.min(...higher), patienceMs, untilMs: atMs + patienceMs };
    return GO_ON;
  }
}

function impliedPause(remaining: number, rate: number | undefined): number | undefined {
  return rate === undefined || rate <= 0 ? undefined : (remaining / rate) * 1000;
}

function giveUp(remaining: number, rate: number | undefined, why: string): Decision {
  const link = rate === undefined ? '' : ` at ${Math.round(rate / 1_048_576)} MiB/s`;
  return { kind: 'give-up', why: `${Math.round(remaining / 1_048_576)} MiB remain${link}; ${why}` };
}
