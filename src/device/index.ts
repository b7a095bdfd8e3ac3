/**
 * The device SDK: what an author implements, how it is served, and everything of lower rooms that a device touches.
 */
export type {
  DeviceReport,
  IncomingRecord,
  RecordReader,
  RecordWriter,
  Section,
  TransferReport,
} from '../state/index.ts';
export { MAX_PAYLOAD } from '../state/index.ts';
export { Fd, Poll } from '../sys/index.ts';
export type { ChainReader, ChainWriter } from '../virtio/index.ts';
export {
  type ConfigSpace,
  type DeferredRequest,
  type Device,
  type DeviceContext,
  DONE,
  type Handled,
  LATER,
  type Request,
  type Staged,
} from './device.ts';
export { DeviceError, type DeviceErrorCode } from './errors.ts';
export { type ServeOptions, type Server, serve } from './serve.ts';
export { DEFAULT_SETTINGS, type DeviceSettings } from './settings.ts';
