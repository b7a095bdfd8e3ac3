/** What travels on channels: RAM, device state, and nothing (SYNC). Channels know none of them. */
export { deviceStateKind, deviceStateModule } from './device-state.ts';
export { DEVICE_HEADER, DeviceStateHeader } from './device-state-packet.ts';
export { PacketError, type PacketErrorCode } from './errors.ts';
export { describeFlags, PayloadFlag } from './flags.ts';
export { noneKind } from './none.ts';
export { RamHeader } from './packets.ts';
export { ramKind, ramModule } from './ram.ts';
export { type PlacedBlock, placeBlocks, RAM_PAGE_SIZE, type RamBlock, type RamLayout } from './ram-blocks.ts';
export type { RamCounts } from './ram-counters.ts';
export { RamPass, type RamPassOptions } from './ram-pass.ts';
export { RamReceiver, type RamReceiverOptions } from './ram-receiver.ts';
