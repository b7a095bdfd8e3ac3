/** The control socket of a served device: JSON-RPC lines, for its user and for root. */

export type { DeviceReport, MigrationDetails, MigrationReport, TransferReport } from '../state/index.ts';
export { ControlClient, type ControlOptions, controlPath } from './client.ts';
export { ControlError, type ControlErrorCode, RemoteError } from './errors.ts';
export type { StatusReport } from './report.ts';
export { ControlServer, type ControlServerOptions, type ControlTarget } from './server.ts';
