/** Bounded memory for the state of many devices: slots, who may use them when, and the threads of devices. */
export type { ArenaPlace, ArenaView, DeviceName } from './arena.ts';
export { ReceivingChannel, SendingChannel } from './channel-side.ts';
export { CpuPool, type CpuPoolOptions } from './cpu-pool.ts';
export { BufferError, type BufferErrorCode, SlotError, type SlotErrorCode } from './errors.ts';
export { Lane, type LaneOptions } from './lane.ts';
export { MAX_DEVICES, MAX_INDEX, MAX_SLOTS, RESERVED_SLOTS, SLOT_BYTES } from './limits.ts';
export type { ReceiveDevice } from './receive-ledger.ts';
export {
  ReceiveSlots,
  type ReceiveSlotsOptions,
  type ReceiveSlotsStart,
  type SlotSourceStart,
} from './receive-slots.ts';
export type { SendDevice } from './send-ledger.ts';
export { SendSlots, type SendSlotsOptions, type SendSlotsStart, type SlotSinkStart } from './send-slots.ts';
export { SlotSink } from './slot-sink.ts';
export { SlotSource } from './slot-source.ts';
