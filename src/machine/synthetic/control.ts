const PAUSED = 0;
const STEPS = 1;
const WORDS = 2;

/** How the guest's processor is told to run or to pause, and how far it got. The same memory is seen from all threads. */
export class Control {
  readonly shared: SharedArrayBuffer;
  readonly #words: Int32Array<SharedArrayBuffer>;

  /** A view of the control in `shared`, or a new one, paused. */
  constructor(shared?: SharedArrayBuffer) {
    this.shared = shared ?? new SharedArrayBuffer(4 * WORDS);
    this.#words = new Int32Array(this.shared);
    if (shared === undefined) this.#words[PAUSED] = 1;
  }

  get isPaused(): boolean {
    return Atomics.load(this.#words, PAUSED) === 1;
  }

  /** Let those run that look here. */
  run(): void {
    Atomics.store(this.#words, PAUSED, 0);
  }

  /** Tell everybody who runs to pause, also those that sleep. */
  pause(): void {
    Atomics.store(this.#words, PAUSED, 1);
    Atomics.notify(this.#words, PAUSED);
  }

  /** Sleep for so many milliseconds, or until the pause. Blocks: not for the main thread. */
  sleep(milliseconds: number): void {
    Atomics.wait(this.#words, PAUSED, 0, milliseconds);
  }

  /** What was done since this control was made, in whatever its users count; wraps around at 2^32. */
  get steps(): number {
    return Atomics.load(this.#words, STEPS) >>> 0;
  }

  addSteps(count: number): void {
    Atomics.add(this.#words, STEPS, count);
  }
}
