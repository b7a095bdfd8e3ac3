/**
 * What idle channels sleep on: whoever makes something available for sending rings. Word 0 of `shared` counts the rings.
 */
export class Bell {
  /** What other threads make their own hold on the same bell from. */
  readonly shared: SharedArrayBuffer;
  readonly #word: Int32Array<SharedArrayBuffer>;

  /** A new bell, or the one in `shared`. */
  constructor(shared = new SharedArrayBuffer(4)) {
    this.shared = shared;
    this.#word = new Int32Array(shared);
  }

  /** To be read before looking whether there is something to do, and handed to `wait` when there is not. */
  get rings(): number {
    return Atomics.load(this.#word, 0);
  }

  /** Wake everyone who waits. */
  ring(): void {
    Atomics.add(this.#word, 0, 1);
    Atomics.notify(this.#word, 0);
  }

  /** Sleep until it has rung since `rings` was read, or for `milliseconds`. */
  wait(rings: number, milliseconds: number): void {
    Atomics.wait(this.#word, 0, rings, milliseconds);
  }
}
