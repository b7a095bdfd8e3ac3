import { asError, DeadlineError } from '../../errors.ts';

/** What ends a whole migration early: its caller, its deadline, or the first thing that goes wrong. */
export class Ending implements Disposable {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #outer: AbortSignal | undefined;
  readonly #abort = () => this.because(asError(this.#outer?.reason));

  constructor({ signal, deadline }: { signal?: AbortSignal; deadline?: number }) {
    this.#outer = signal;
    if (signal?.aborted === true) this.#abort();
    signal?.addEventListener('abort', this.#abort);
    if (deadline === undefined) return;
    const late = () => this.because(new DeadlineError('The migration from QEMU', deadline));
    this.#timer = setTimeout(late, deadline);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** End everything that waits with `reason`. The first one counts. */
  because(reason: Error): void {
    this.#controller.abort(reason);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener('abort', this.#abort);
  }
}
