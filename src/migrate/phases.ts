import { PhaseLog as Log, type PhaseTime as Time } from '../state/index.ts';

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

/** How long one phase of a move lasted, in milliseconds. */
export type PhaseTime = Time<PhaseName>;

/** The phase a move is in, and how long those before it took. */
export class PhaseLog extends Log<PhaseName> {
  constructor(now?: () => number) {
    super('A move', 'ERR_MIGRATE_PHASE', PHASES, 'connect', now);
  }
}
