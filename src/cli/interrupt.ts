const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Turns signals into two abort signals: the first signal cancels, the second forces. While this is alive the process does
 * not die of them.
 */
export class Interrupt implements Disposable {
  readonly #cancel = new AbortController();
  readonly #force = new AbortController();
  readonly #onSignal: (name: NodeJS.Signals) => void;

  constructor(onFirst: (name: NodeJS.Signals) => void) {
    this.#onSignal = (name) => {
      if (this.#cancel.signal.aborted) this.#force.abort(new Error(`Forced by ${name}`));
      else {
        this.#cancel.abort(new Error(`Cancelled by ${name}`));
        onFirst(name);
      }
    };
    for (const name of SIGNALS) process.on(name, this.#onSignal);
  }

  get cancel(): AbortSignal {
    return this.#cancel.signal;
  }

  get force(): AbortSignal {
    return this.#force.signal;
  }

  [Symbol.dispose](): void {
    for (const name of SIGNALS) process.off(name, this.#onSignal);
  }
}
