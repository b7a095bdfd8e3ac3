import type { MigrationInfo } from '../qmp/index.ts';
import type { MigrateEvent, MigrateEventBody } from './events.ts';
import { type BackEndInquiry, NO_INQUIRY } from './inquiry.ts';
import { type MigrateOptions, type MigrateTimings, TIMINGS } from './options.ts';
import { PHASES, PhaseLog } from './phases.ts';
import type { Plan } from './plan.ts';
import type { Finding } from './precheck/finding.ts';
import type { Side } from './side.ts';
import type { Ending, Verdict } from './verdict.ts';

/** Both monitors of a move. */
export interface Sides {
  readonly source: Side;
  readonly destination: Side;
}

/** Why a move is undone. */
export interface Cause {
  /** Stable name. */
  readonly code: string;
  readonly text: string;
  /** The caller asked for it. */
  readonly wanted?: boolean;
}

/** A phase with what is known in it. */
export type Phase =
  | { readonly name: 'connect' }
  | { readonly name: 'check'; readonly sides: Sides }
  | { readonly name: 'prepare'; readonly sides: Sides; readonly plan: Plan }
  | { readonly name: 'pre-copy'; readonly sides: Sides; readonly plan: Plan }
  | { readonly name: 'switchover'; readonly sides: Sides; readonly plan: Plan }
  | { readonly name: 'commit'; readonly sides: Sides; readonly plan: Plan; readonly proof: string }
  | { readonly name: 'roll-back'; readonly sides: Sides; readonly plan: Plan; readonly cause: Cause }
  | { readonly name: 'ended'; readonly ending: Ending };

/** A phase that a step may lead to. */
export type NextPhase = Exclude<Phase, { name: 'connect' }>;

/** What has been done to either side, written before it is done: after a failure it may or may not have happened. */
export interface Done {
  /** The source's capabilities or parameters. */
  sourceSet: boolean;
  /** The destination may have begun to listen. */
  listening: boolean;
  /** `migrate` may have reached the source. */
  migrating: boolean;
  /** `migrate-continue` may have reached the source: from here on the destination may come to hold the whole guest. */
  continued: boolean;
  /** `cont` at the destination. `refused`: QEMU said that it did not start the guest. */
  cont: 'never' | 'sent' | 'refused' | 'done';
}

/** One move: what was asked for, what has been done, what was seen. The steps share nothing else. */
export class Move {
  readonly options: MigrateOptions;
  readonly timings: MigrateTimings;
  readonly backEnds: BackEndInquiry;
  /** Aborted when the caller cancels, or forces an end. */
  readonly cancel: AbortSignal;
  /** Aborted when the caller forces an end. */
  readonly force: AbortSignal;
  readonly log = new PhaseLog();
  readonly done: Done = {
    sourceSet: false,
    listening: false,
    migrating: false,
    continued: false,
    cont: 'never',
  };
  findings: readonly Finding[] = [];
  /** The source's last counters. */
  info: MigrationInfo | undefined;
  /** When the guest was seen to stop at the source and to start at the destination. */
  stoppedAt: number | undefined;
  startedAt: number | undefined;
  readonly #begin = performance.now();

  constructor(options: MigrateOptions) {
    this.options = options;
    this.timings = { ...TIMINGS, ...options.timings };
    this.backEnds = options.backEnds ?? NO_INQUIRY;
    this.force = options.force ?? new AbortController().signal;
    this.cancel = options.signal === undefined ? this.force : AbortSignal.any([options.signal, this.force]);
  }

  /** Milliseconds since the move began. */
  get elapsedMs(): number {
    return performance.now() - this.#begin;
  }

  emit(event: MigrateEventBody): void {
    const stamped = { atMs: Math.round(this.elapsedMs), ...event } as MigrateEvent;
    this.options.onEvent?.(stamped);
  }

  note(text: string): void {
    this.emit({ type: 'note', text });
  }

  enter(from: Phase, to: Phase): void {
    this.log.advance(from.name, to.name);
    this.announce(to);
  }

  announce({ name }: Phase): void {
    this.emit({ type: 'phase', phase: name, cancel: PHASES[name].cancel });
  }

  verdict({ outcome, code, why, guestAt, guestState, nextSteps }: Ending): Verdict {
    const pause =
      this.stoppedAt === undefined || this.startedAt === undefined
        ? undefined
        : this.startedAt - this.stoppedAt;
    return {
      ok: outcome === 'moved' || outcome === 'planned',
      outcome,
      code,
      why,
      guestAt,
      guestState,
      downtimeMs: outcome === 'moved' && pause !== undefined ? Math.round(pause) : undefined,
      qemuDowntimeMs: outcome === 'moved' ? this.info?.downtime : undefined,
      totalMs: Math.round(this.elapsedMs),
      bytes: this.info?.ram?.transferred,
      phases: this.log.times,
      findings: this.findings,
      nextSteps,
    };
  }
}
