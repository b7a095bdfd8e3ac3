/** One move of one guest, from precheck to commit or rollback, for any QEMU whose back ends can migrate. */
export type { MigrateEvent } from './events.ts';
export { type BackEndInquiry, controlSockets } from './inquiry.ts';
export { migrate } from './migrate.ts';
export { type MigrateOptions, type MigrateTimings, TIMINGS } from './options.ts';
export { PHASE_NAMES, PHASES, PhaseLog, type PhaseName, type PhaseRule, type PhaseTime } from './phases.ts';
export type { Finding } from './precheck/finding.ts';
export { type MovePreview, type PreviewOptions, previewMove } from './preview.ts';
export type { Progress } from './progress.ts';
export { OUTCOMES, type Outcome, type Verdict, type Whereabouts } from './verdict.ts';
