/** The channels of a transfer: connections, and a thread each that moves packets of any kind of payload over one of them. */
export { Bell } from './bell.ts';
export { Channels } from './channels.ts';
export {
  acceptResumed,
  type Collected,
  type CollectOptions,
  collectConnections,
  type ResumedChannel,
  type ResumeOptions,
} from './collect.ts';
export { connect, endpointText, type Role } from './connect.ts';
export { type Connection, fileConnection, socketConnection } from './connection.ts';
export {
  CHANNEL_MAGIC,
  CHANNEL_VERSION,
  FERRY_MAIN_MAGIC,
  HEAD_BYTES,
  PacketFlag,
  QEMU_MAIN_MAGIC,
} from './constants.ts';
export type { ChannelCounters } from './control.ts';
export { type Endpoint, parseEndpoint } from './endpoint.ts';
export { ChannelError } from './errors.ts';
export { decodeHello, encodeHello, Feature, HELLO_BYTES, type Hello } from './hello.ts';
export { type ChannelOpened, type ChannelOpening, openChannel } from './identify.ts';
export type {
  ChannelFacts,
  KindFactory,
  KindStart,
  PayloadKind,
  PayloadSink,
  PayloadSource,
} from './kind.ts';
export { CHANNEL_BYTES } from './limits.ts';
export { type Listener, listen } from './listen.ts';
export type { ChannelsOptions } from './options.ts';
export {
  HEADER_ROOM,
  type MemoryRange,
  type PacketReader,
  type PacketWriter,
  STAGING_ROOM,
} from './packet-io.ts';
export type { Patience } from './patience.ts';
export { WarmThreads } from './warm.ts';
