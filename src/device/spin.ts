/** How sure one can be that spinning pays: each success adds one, each failure takes one away. */
const MOST_WORTH = 16;
const FIRST_WORTH = 4;

/** A request that came this many windows after the last one could nearly have been caught by spinning. */
const NEAR_WINDOWS = 5;

/** This many near misses in a row, and spinning is tried again. */
const NEAR_MISSES = 8;

/**
 * Decides whether to look at the rings for a moment before sleeping. A sleeping thread costs tens of microseconds to
 * wake; but a thread that always spins burns a core. So spinning goes on while it catches requests, stops when it does
 * not, and is tried again when requests follow each other closely.
 */
export class SpinPolicy {
  readonly #window: number;
  #worth = FIRST_WORTH;
  #nearMisses = 0;

  /** `window` is the longest time to spin, in milliseconds; 0 never spins. */
  constructor(window: number) {
    this.#window = window;
  }

  /** How long to spin now, in milliseconds. */
  get window(): number {
    return this.#worth > 0 ? this.#window : 0;
  }

  /** A request came while spinning. */
  caught(): void {
    if (this.#worth < MOST_WORTH) this.#worth++;
  }

  /** A request came only after sleeping, `idle` milliseconds after the last one. */
  missed(idle: number): void {
    if (this.#worth > 0) {
      this.#worth--;
      this.#nearMisses = 0;
      return;
    }
    this.#nearMisses = idle < this.#window * NEAR_WINDOWS ? this.#nearMisses + 1 : 0;
    if (this.#nearMisses < NEAR_MISSES) return;
    this.#nearMisses = 0;
    this.#worth = FIRST_WORTH;
  }
}
