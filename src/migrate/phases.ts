import { FerryError } from '../errors.ts';

export const PHASE_NAMES = [
  'connect',
  'check',
  'prepare',
  'pre-copy',
  'switchover',
  'commit',
  'roll-back',
  'ended',
] as const;

/** Where a move stands. */
export type PhaseName = (typeof PHASE_NAMES)[number];

/** What is true of a phase, whatever the VM. */
export interface PhaseRule {
  /** Phases that may follow. */
  readonly next: readonly PhaseName[];
  /**
   * What a cancellation does: `at-once` ends the move with nothing touched, `rolls-back` undoes what was done, `too-late`
   * lets the phase finish.
   */
  readonly cancel: 'at-once' | 'rolls-back' | 'too-late';
  /** Where the guest may run; `nowhere` while it is stopped on its way. */
  readonly guest: 'source' | 'nowhere' | 'destination' | 'one-side';
}

function rule(guest: PhaseRule['guest'], cancel: PhaseRule['cancel'], ...next: PhaseName[]): PhaseRule {
  return Object.freeze({ next: Object.freeze(next), cancel, guest });
}

/**
 * Every phase and every arc between them. `switchover` begins when the source has stopped the guest and waits; the guest
 * starts at the destination in `commit` and nowhere else; `ended` carries the verdict.
 */
export const PHASES: Readonly<Record<PhaseName, PhaseRule>> = Object.freeze({
  connect: rule('source', 'at-once', 'check', 'ended'),
  check: rule('source', 'at-once', 'prepare', 'ended'),
  prepare: rule('source', 'rolls-back', 'pre-copy', 'roll-back'),
  'pre-copy': rule('source', 'rolls-back', 'switchover', 'roll-back'),
  switchover: rule('nowhere', 'rolls-back', 'commit', 'roll-back', 'ended'),
  commit: rule('destination', 'too-late', 'roll-back', 'ended'),
  'roll-back': rule('source', 'too-late', 'ended'),
  ended: rule('one-side', 'too-late'),
});

/** How long one phase lasted, in milliseconds. */
export interface PhaseTime {
  readonly phase: PhaseName;
  readonly ms: number;
}

/** The phase a move is in, and how long those before it took. `advance` is the only writer. */
export class PhaseLog {
  readonly #now: () => number;
  readonly #times: PhaseTime[] = [];
  #current: PhaseName = 'connect';
  #since: number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#since = now();
  }

  get current(): PhaseName {
    return this.#current;
  }

  /** Phases that are over, in order, with `ended` left out. */
  get times(): readonly PhaseTime[] {
    return this.#times;
  }

  /** Go on from `from`, which must be the current phase, to `to`, which the table must allow. */
  advance(from: PhaseName, to: PhaseName): void {
    if (from !== this.#current || !PHASES[from].next.includes(to))
      throw new FerryError(
        'ERR_MIGRATE_PHASE',
        `A move in phase ${this.#current} cannot go from ${from} to ${to}; from ${from} it may go to ${PHASES[from].next.join(', ') || 'nowhere'}`,
      );
    const now = this.#now();
    this.#times.push({ phase: from, ms: Math.round(now - this.#since) });
    this.#since = now;
    this.#current = to;
  }
}
