/**
 * The device SDK: what an author implements, how it is served, and everything of lower rooms that a device touches.
 */
export type { Assignment, Model } from '../compat/index.ts';
export type {
  DeviceReport,
  IncomingRecord,
  MigrationDetails,
  MigrationReport,
  RecordReader,
  RecordWriter,
  Section,
  TransferReport,
} from '../state/index.ts';
export { MAX_PAYLOAD } from '../state/index.ts';
export { Fd, Poll } from '../sys/index.ts';
export type { ChainReader, ChainWriter } from '../virtio/index.ts';
export { type Combination, defineModel, defineParameter, type ParameterPlan } from './define-model.ts';
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
export { type OfferSettings, offeredModel, PACKED_RING, STATE_FORMAT } from './offer.ts';
export { type ServeOptions, type Server, serve } from './serve.ts';
export { DEFAULT_SETTINGS, type DeviceSettings } from './settings.ts';
