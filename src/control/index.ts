/** The control socket of a served device: JSON-RPC lines, for its user and for root. */
export { ControlClient, type ControlOptions, controlPath } from './client.ts';
export { ControlError, type ControlErrorCode, RemoteError } from './errors.ts';
export type { DeviceReport, StatusReport, TransferReport } from './report.ts';
export { ControlServer, type ControlServerOptions, type ControlTarget } from './server.ts';
