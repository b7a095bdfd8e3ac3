/** A whole transfer of a machine between two processes, or into a folder and out of it: both ends. */

export { receiveMachine } from './destination/receive.ts';
export { ExplicitMarks, type LoggedRegion, VhostUserLog } from './dirty.ts';
export { PeerError, TransferError, type TransferErrorCode } from './errors.ts';
export type { ChannelProgress, DeviceProgress, TransferEvent } from './events.ts';
export type {
  DestinationDevice,
  DestinationMachine,
  DeviceName,
  DirtySource,
  SourceDevice,
  SourceMachine,
} from './machine.ts';
export { TransferMetrics } from './metrics.ts';
export { type ReceiveOptions, type SendOptions, TIMINGS, type TransferTimings } from './options.ts';
export { type DeviceOutcome, type MachineAt, OUTCOMES, type Outcome, type OutcomeName } from './outcome.ts';
export {
  DESTINATION,
  DESTINATION_PHASES,
  type DestinationPhase,
  type PhaseName,
  type PhaseRule,
  SOURCE,
  SOURCE_PHASES,
  type SourcePhase,
} from './phases.ts';
export { sendMachine } from './source/send.ts';
