/** Longest time whose steps are made up for, in milliseconds: what a sleeping machine missed longer ago is dropped. */
const MOST_BEHIND = 50;

/** Tells how many steps are due, so that there are so many in a second. */
export class Pace {
  readonly #perMillisecond: number;
  #last: number;
  #due = 0;

  /** From now on there are `perSecond` steps in a second. */
  constructor(perSecond: number) {
    this.#perMillisecond = perSecond / 1000;
    this.#last = performance.now();
  }

  /** Take all steps that are due, at most `most`. */
  take(most: number): number {
    const now = performance.now();
    const missed = Math.min(now - this.#last, MOST_BEHIND);
    this.#last = now;
    this.#due = Math.min(this.#due + missed * this.#perMillisecond, MOST_BEHIND * this.#perMillisecond + 1);
    const steps = Math.min(Math.floor(this.#due), most);
    this.#due -= steps;
    return steps;
  }
}
