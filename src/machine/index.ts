/** The embedded machine: a guest's driver and workload in QEMU's place. */
export { EmbeddedMachine, type EmbeddedMove } from './embedded.ts';
export { FuseSession, type FuseSessionOptions, type Waiting } from './fuse-session.ts';
export { type EmbeddedEvent, type EmbeddedPlan, runEmbedded } from './run-embedded.ts';
export { type Observation, Workload } from './workload.ts';
