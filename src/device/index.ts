/** The device SDK: what an author implements. */
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
