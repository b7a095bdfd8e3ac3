/** The channels of a transfer: a thread each, which moves packets of any kind of payload. */
export type { ChannelFacts, KindFactory, KindStart, PayloadKind, PayloadSink, PayloadSource } from './kind.ts';
export { HEADER_ROOM, type MemoryRange, type PacketReader, type PacketWriter, STAGING_ROOM } from './packet-io.ts';
