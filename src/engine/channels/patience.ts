import { asError, DeadlineError } from '../../errors.ts';

/** The longest that a timer can wait, in milliseconds: 24 days. */
export const FOR_EVER = 2 ** 31 - 1;

/** How long somebody waits for a peer. */
export interface Patience {
  /** Ends the wait early, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds; each wait has a default of its own. */
  readonly deadline?: number | undefined;
}

/** A wait that has begun, in one step or several. */
export class Wait {
  readonly signal: AbortSignal | undefined;
  /** Milliseconds from its beginning. */
  readonly deadline: number;
  readonly #end: number;

  /** It begins now, and takes `otherwise` milliseconds where `patience` names no deadline. */
  constructor({ signal, deadline }: Patience, otherwise: number) {
    this.signal = signal;
    this.deadline = deadline ?? otherwise;
    this.#end = performance.now() + this.deadline;
  }

  /** Milliseconds that are left. */
  get left(): number {
    return Math.max(0, this.#end - performance.now());
  }

  /** That it is over without `what` having happened. */
  error(what: string): DeadlineError {
    return new DeadlineError(what, this.deadline);
  }

  /** The result of `promise`; rejects when `what` takes too long, or as the signal says. */
  async for<T>(promise: Promise<T>, what: string): Promise<T> {
    const { signal } = this;
    signal?.throwIfAborted();
    const end = Promise.withResolvers<never>();
    const timer = setTimeout(() => end.reject(this.error(what)), this.left);
    const abort = () => end.reject(asError(signal?.reason));
    signal?.addEventListener('abort', abort, { once: true });
    try {
      return await Promise.race([promise, end.promise]);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    }
  }
}
