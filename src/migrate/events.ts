import type { PhaseName, PhaseRule } from './phases.ts';
import type { Finding } from './precheck/finding.ts';
import type { Progress } from './progress.ts';

/** What a move tells while it goes on. `atMs` counts from its start. */
export type MigrateEvent = { readonly atMs: number } & (
  | { readonly type: 'phase'; readonly phase: PhaseName; readonly cancel: PhaseRule['cancel'] }
  | ({ readonly type: 'check' } & Finding)
  | { readonly type: 'plan'; readonly steps: readonly string[] }
  | ({ readonly type: 'progress' } & Progress)
  | { readonly type: 'note'; readonly text: string }
);

/** An event without its time, as the steps emit it. */
export type MigrateEventBody = MigrateEvent extends infer E
  ? E extends unknown
    ? Omit<E, 'atMs'>
    : never
  : never;
