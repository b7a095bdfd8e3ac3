import type { PhaseTime } from './phases.ts';
import type { Finding } from './precheck/finding.ts';

export const OUTCOMES = [
  'moved',
  'planned',
  'refused',
  'rolled-back',
  'cancelled',
  'failed',
  'unknown',
] as const;

/**
 * How a move ended. `moved`: the guest is at the destination. `planned`: a dry run found nothing against it. `refused`:
 * nothing was touched. `rolled-back` and `cancelled`: the guest is at the source again, which was seen. `failed`: the guest
 * is known to run nowhere. `unknown`: what happened cannot be known from here, and neither side was started.
 */
export type Outcome = (typeof OUTCOMES)[number];

/** Where the guest is. `nowhere` is certain, `unknown` is not. */
export type Whereabouts = 'source' | 'destination' | 'nowhere' | 'unknown';

/** The end of a move, for people and programs. Times in milliseconds. */
export interface Verdict {
  readonly ok: boolean;
  readonly outcome: Outcome;
  /** Stable name of the reason, when the move did not succeed. */
  readonly code: string | undefined;
  /** Why it ended so, in words. */
  readonly why: string;
  readonly guestAt: Whereabouts;
  /** QEMU's run state of the guest there, as it was last seen. */
  readonly guestState: string | undefined;
  /** From the guest's stop at the source to its start at the destination; absent unless it moved and ran. */
  readonly downtimeMs: number | undefined;
  /** QEMU's own figure, which ends when the destination has loaded, before it is told to run. */
  readonly qemuDowntimeMs: number | undefined;
  readonly totalMs: number;
  /** Bytes that the source sent. */
  readonly bytes: number | undefined;
  readonly phases: readonly PhaseTime[];
  readonly findings: readonly Finding[];
  /** What to do now, most urgent first. */
  readonly nextSteps: readonly string[];
}

/** What a step knows when it ends the move; the rest of the verdict is filled in from the record. */
export interface Ending {
  readonly outcome: Outcome;
  readonly code?: string;
  readonly why: string;
  readonly guestAt: Whereabouts;
  readonly guestState?: string | undefined;
  readonly nextSteps: readonly string[];
}
