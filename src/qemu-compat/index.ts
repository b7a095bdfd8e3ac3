/** Two QEMUs compared without a guest: what each says about itself, and whether VMs can move from one to the other. */
export { answerWith, compareQemus } from './compare.ts';
export type {
  ComparedQemu,
  CompareQemusOptions,
  MachineComparison,
  QemuComparison,
  UsedDevice,
  VmUse,
} from './comparison.ts';
export { describeQemu } from './describe.ts';
export {
  type BuiltIn,
  type CompatProperty,
  type CpuModel,
  type DeviceType,
  formatQemuVersion,
  type MachineType,
  type Property,
  type QemuDescription,
  type QemuProgram,
  type Scalar,
} from './description.ts';
export { QemuDescriptions } from './descriptions.ts';
export { endOfLife, formatRelease, type Release } from './end-of-life.ts';
export { QemuCompatError, type QemuCompatErrorCode } from './errors.ts';
export { QEMU_COMPAT_LIMITS, type QemuCompatLimits } from './limits.ts';
export { programAt, programOf } from './program.ts';
export { QEMU_CODES, type QemuCode, type QemuReason } from './reason.ts';
export { gatherUse } from './use.ts';
