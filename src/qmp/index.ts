/** QEMU's machine protocol: one connection, typed commands and events, checked against QEMU's own schema. */
export { formatQmpAddress, parseQmpAddress, type QmpAddress } from './address.ts';
export type { ExecuteOptions } from './calls.ts';
export type { QmpPeer } from './channel.ts';
export { type ConnectOptions, QmpClient } from './client.ts';
export {
  QmpClosedError,
  QmpCommandError,
  QmpConnectError,
  QmpEventOverflowError,
  QmpProtocolError,
  QmpUnansweredError,
  type Unanswered,
} from './errors.ts';
export { EventSubscription, type QmpEvent } from './events.ts';
export type { Commands, OutOfBandCommand } from './generated/commands.ts';
export type { Events } from './generated/events.ts';
export type {
  BlockNodeInfo,
  ChardevInfo,
  CompatProperty,
  CpuDefinition,
  CpuInfo,
  CpuModelExpansion,
  JobInfo,
  MachineInfo,
  MemoryBackendInfo,
  MigrateSetParametersArguments,
  MigrationCapability,
  MigrationCapabilityStatus,
  MigrationInfo,
  MigrationParameters,
  MigrationStatus,
  PciBusInfo,
  PciDeviceInfo,
  QomMember,
  QomType,
  RunState,
  SocketAddressInfo,
  StatusInfo,
} from './generated/types.ts';
export { QMP_LIMITS, type QmpLimits } from './limits.ts';
export type { QmpGreeting } from './message.ts';
export type { Open } from './shape.ts';
