/** Milliseconds after which the time of day is read anew: it may have been set. */
const READ_EVERY = 1000;

/**
 * The time of day, by a clock that is cheaper to ask: asking the system costs as much as a tenth of a request. It is as
 * fine as that clock, and at best a millisecond: finer than what the kernel's own file systems stamp files with.
 */
export class Clock {
  seconds = 0;
  nanos = 0;
  readonly #now: () => number;
  #asked = Number.NEGATIVE_INFINITY;
  #dayRead = Number.NEGATIVE_INFINITY;
  #dayOffset = 0;

  /** `now` gives milliseconds from wherever it likes, as a device's context does. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Take the time: `seconds` and `nanos` hold it then. */
  tick(): void {
    const now = this.#now();
    if (now === this.#asked) return;
    this.#asked = now;
    if (now - this.#dayRead >= READ_EVERY) {
      this.#dayRead = now;
      this.#dayOffset = Date.now() - now;
    }
    const milliseconds = Math.floor(now + this.#dayOffset);
    this.seconds = Math.floor(milliseconds / 1000);
    this.nanos = (milliseconds - this.seconds * 1000) * 1_000_000;
  }
}
