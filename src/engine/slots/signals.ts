/** Words that one call raises at most: what goes beyond is woken for at once. */
const MOST = 32;

/**
 * Words of shared memory that threads sleep on until they change. They are changed while a lock is held, but whoever sleeps
 * is woken only by `wake`, when it has been released: else those who wake would find it taken, and keep its owner from going
 * on.
 */
export class Signals {
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #raised = new Int32Array(MOST);
  #count = 0;

  constructor(words: Int32Array<SharedArrayBuffer>) {
    this.#words = words;
  }

  raise(word: number): void {
    Atomics.add(this.#words, word, 1);
    for (let i = 0; i < this.#count; i++) if (this.#raised[i] === word) return;
    if (this.#count === MOST) Atomics.notify(this.#words, word);
    else this.#raised[this.#count++] = word;
  }

  /** Wake everyone who sleeps on what was raised since the last time. */
  wake(): void {
    for (; this.#count > 0; this.#count--) Atomics.notify(this.#words, this.#raised[this.#count - 1]!);
  }
}
