import type { MigrationInfo } from '../qmp/index.ts';
import type { MigrateEvent, MigrateEventBody } from './events.ts';
import { type BackEndInquiry, controlSockets } from './inquiry.ts';
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

/** Code of the cause that somebody else completed the move: nobody here knows then what else they did. */
export const INTERFERED = 'interfered';

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

/** When something happened: as it was seen from here, and in seconds as QEMU stamped it. */
export interface Moment {
  readonly seenAt: number;
  readonly stamp: number | undefined;
}

/** It happened just now, at `stamp` by QEMU's clock. */
export function now(stamp?: number): Moment {
  return { seenAt: performance.now(), stamp };
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
  /** Whether both QEMUs are on this host, so that their clocks are one. */
  local = false;
  /** When the guest stopped at the source and started at the destination. */
  stopped: Moment | undefined;
  started: Moment | undefined;
  readonly #begin = performance.now();

  constructor(options: MigrateOptions) {
    this.options = options;
    this.timings = { ...TIMINGS, ...options.timings };
    this.backEnds = options.backEnds ?? controlSockets;
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

  #pauseMs(): number | undefined {
    const { stopped, started } = this;
    if (stopped === undefined || started === undefined) return undefined;
    if (this.local && stopped.stamp !== undefined && started.stamp !== undefined)
      return Math.round((started.stamp - stopped.stamp) * 1000);
    return Math.round(started.seenAt - stopped.seenAt);
  }

  verdict({ outcome, code, why, guestAt, guestState, nextSteps }: Ending): Verdict {
    return {
      ok: outcome === 'moved' || outcome === 'planned',
      outcome,
      code,
      why,
      guestAt,
      guestState,
      downtimeMs: outcome === 'moved' ? this.#pauseMs() : undefined,
      qemuDowntimeMs: outcome === 'moved' ? this.info?.downtime : undefined,
      totalMs: Math.round(this.elapsedMs),
      bytes: this.info?.ram?.transferred,
      phases: this.log.times,
      findings: this.findings,
      nextSteps,
    };
  }
}
