import type { Reason } from '../compat/index.ts';
import type { VmstateCode } from '../vmstate/index.ts';

/** Stable names of what speaks against moving from one QEMU to another, or is worth knowing beside it. */
export const QEMU_CODES = [
  /** no: the destination emulates another architecture. */
  'target',
  /** no: the destination has no such machine type. */
  'machine-missing',
  /** yes: a name such as `q35` stands for another machine type there: the version has to be given. */
  'machine-alias',
  /** yes: the machine type is deprecated, and leaves QEMU in a release that is named. */
  'machine-end',
  /** yes: the machine type has no versions, so that QEMU does not keep it the same between releases. */
  'machine-unversioned',
  /** unproven: what machines of this type bring along could not be seen at the source. */
  'machine-unseen',
  /** unproven: a QEMU does not tell its compatibility properties (before 9.1). */
  'compat-unknown',
  /** no: the destination has no such device type. */
  'device-missing',
  /** no: no QEMU migrates a VM with such a device, and the source says so itself. */
  'device-unmigratable',
  /** unproven: one side alone describes the state of such a device; the other one has none, or sends it without a description. */
  'device-state',
  /** no: QEMU saves the state of such a device, and cannot load it, in any version that is known. */
  'device-broken',
  /** unproven: a device has something else than the default of a property that the destination does not know. */
  'property-missing',
  /** unproven: devices that are not given this property have another value at the destination. */
  'property-default',
  /** unproven: one side alone knows this property, and sets it to something else than what it was without it. */
  'property-meaning',
  /** no: the source gives virtio queues more entries than the destination takes. */
  'queue-size',
  /** yes: it can move, but after a reset of the guest there it cannot move back. */
  'queue-size-back',
  /** no: the destination has no such CPU model. */
  'cpu-missing',
  /** unproven: a name of a CPU model stands for another version of it there. */
  'cpu-alias',
  /** unproven: the model means whatever the host has. */
  'cpu-host',
  /** unproven: the destination cannot give all features of the model that the source gives. */
  'cpu-features',
  /** yes: the CPU model is deprecated at the destination. */
  'cpu-deprecated',
] as const;

export type QemuCode = (typeof QEMU_CODES)[number];

/** One reason about two QEMUs: of this room, or of their vmstate dumps (`vmstate-` before the code of `vmstate`). */
export interface QemuReason extends Reason<QemuCode | `vmstate-${VmstateCode}`> {
  /** QOM type of the device or CPU that it is about; absent where it is about the machine. */
  readonly device?: string;
  /** Whether it counts only for VMs that have such a device. Never true when the devices in use are known. */
  readonly ifUsed: boolean;
  /** The machine types that it holds for. */
  readonly machines: readonly string[];
}

/** The order in which people should read them: what forbids first, the machine before its devices, then by name. */
export function byWeight(a: QemuReason, b: QemuReason): number {
  return (
    ANSWERS.indexOf(a.answer) - ANSWERS.indexOf(b.answer) ||
    Number(a.ifUsed) - Number(b.ifUsed) ||
    codeOrder(a.code) - codeOrder(b.code) ||
    b.machines.length - a.machines.length ||
    compareText(a.parameter ?? '', b.parameter ?? '') ||
    compareText(a.machines[0] ?? '', b.machines[0] ?? '')
  );
}

const ANSWERS = ['no', 'unproven', 'yes'];
const CODES: readonly string[] = QEMU_CODES;

function codeOrder(code: QemuReason['code']): number {
  const at = CODES.indexOf(code);
  return at < 0 ? QEMU_CODES.length : at;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
