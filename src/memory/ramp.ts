const START_MS = 20;
const IMPROVEMENT = 0.9;

/**
 * Whoever stops the guest as soon as what remains fits into a limit does so although the next pass might leave less. So
 * the limit starts low, and is doubled up to the one that was asked for whenever a pass ends that left hardly less than the
 * best one before it.
 */
export class DowntimeRamp {
  readonly #limitMs: number;
  #currentMs: number;
  #pass = 0;
  #best = Number.POSITIVE_INFINITY;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
    this.#currentMs = Math.min(START_MS, limitMs);
  }

  /** The limit for now, in milliseconds. */
  get currentMs(): number {
    return this.#currentMs;
  }

  /** Take note of a look at pre-copy. True when the limit has grown. */
  sample({ pass, remaining }: { readonly pass: number; readonly remaining: number }): boolean {
    if (pass === this.#pass) return false;
    const first = this.#pass === 0 || pass <= 1;
    this.#pass = pass;
    if (first || this.#currentMs >= this.#limitMs) return false;
    const better = remaining < this.#best * IMPROVEMENT;
    this.#best = Math.min(this.#best, remaining);
    if (better) return false;
    this.#currentMs = Math.min(this.#currentMs * 2, this.#limitMs);
    return true;
  }
}
