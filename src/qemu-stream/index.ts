/** QEMU's main migration stream: reading it, writing it, and the return path. */
export type { CommandName } from './commands.ts';
export { DEFAULT_PAGE_SIZE, STREAM_MAGIC } from './constants.ts';
export type { DeviceSection } from './devices.ts';
export { encodeEvent } from './encode.ts';
export { StreamError, type StreamErrorCode } from './errors.ts';
export type { ConfigurationSubsection, StreamBlock, StreamEvent } from './events.ts';
export { STREAM_LIMITS, STREAM_TIMINGS, type StreamLimits, type StreamTimings } from './limits.ts';
export { MainStream } from './main-stream.ts';
export { encodeReturnMessage, type ReturnMessage, ReturnPath } from './return-path.ts';
export { type IncomingOptions, IncomingStream } from './session.ts';
