/** QEMU's descriptions of device state (`-dump-vmstate`), decoded and compared. Pure: no process, no file. */
export { type CompareOptions, compareDumps } from './compare.ts';
export { decodeDump } from './decode.ts';
export type { Description, Field, VmstateDevice, VmstateDump } from './dump.ts';
export { VmstateError, type VmstateErrorCode } from './errors.ts';
export { VMSTATE_LIMITS, type VmstateLimits } from './limits.ts';
export { VMSTATE_CODES, type VmstateCode, type VmstateReason } from './reason.ts';
