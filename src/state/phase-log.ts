import { FerryError } from '../errors.ts';

/** Which phases may follow each phase of something that is done in phases. */
export type PhaseTable<N extends string> = Readonly<Record<N, { readonly next: readonly N[] }>>;

/** How long one phase lasted, in milliseconds. */
export interface PhaseTime<N extends string> {
  readonly phase: N;
  readonly ms: number;
}

/** The phase that something is in, and how long those before it took. `advance` is the only writer. */
export class PhaseLog<N extends string> {
  readonly #what: string;
  readonly #code: string;
  readonly #table: PhaseTable<N>;
  readonly #now: () => number;
  readonly #times: PhaseTime<N>[] = [];
  #current: N;
  #since: number;

  /** `what` is done, such as `A move`; an arc that `table` does not have is refused with `code`. */
  constructor(what: string, code: string, table: PhaseTable<N>, first: N, now = () => performance.now()) {
    this.#what = what;
    this.#code = code;
    this.#table = table;
    this.#current = first;
    this.#now = now;
    this.#since = now();
  }

  get current(): N {
    return this.#current;
  }

  /** Phases that are over, in order; the one that is never left is not among them. */
  get times(): readonly PhaseTime<N>[] {
    return this.#times;
  }

  /** Go on from `from`, which must be the current phase, to `to`, which the table must allow. */
  advance(from: N, to: N): void {
    const { next } = this.#table[from];
    if (from !== this.#current || !next.includes(to))
      throw new FerryError(
        this.#code,
        `${this.#what} in phase ${this.#current} cannot go from ${from} to ${to}; from ${from} it may go to ${next.join(', ') || 'nowhere'}`,
      );
    const now = this.#now();
    this.#times.push({ phase: from, ms: Math.round(now - this.#since) });
    this.#since = now;
    this.#current = to;
  }
}
