/** Device state: records, the stream they travel in, and the lifecycle of a device. */
export { StateError, type StateErrorCode } from './errors.ts';
export type { FrameHead } from './frame.ts';
export { type ByteSource, type Frame, FrameReader } from './frame-reader.ts';
export { isName, Kind } from './kinds.ts';
export { type DeviceState, isReachable, Lifecycle, NEXT_HOP } from './lifecycle.ts';
export { HEADER_SIZE, MAX_FRAME, MAX_NAME, MAX_PAYLOAD } from './limits.ts';
export type { StateIdentity } from './opening.ts';
export { PhaseLog, type PhaseTable, type PhaseTime } from './phase-log.ts';
export { type StateConsumer, StateReader } from './reader.ts';
export type { DeviceReport, MigrationDetails, MigrationReport, TransferReport } from './report.ts';
export type { IncomingRecord, RecordReader, RecordWriter, Section } from './section.ts';
export { type ByteSink, StateWriter } from './writer.ts';
