import type { Answer } from '../compat/index.ts';
import type { Scalar } from './description.ts';
import type { QemuReason } from './reason.ts';

/** A device that a VM has, as its monitor tells it. */
export interface UsedDevice {
  /** Its QOM type. */
  readonly type: string;
  /** Where it is among the objects of the machine. */
  readonly path: string;
  /** Whether somebody added it (`-device`, `device_add`), or it is part of such a device; else the machine brought it along. */
  readonly added: boolean;
  /** What an added device has of those properties that matter for the move; empty for others. */
  readonly properties: ReadonlyMap<string, Scalar>;
}

/** What one VM uses of its QEMU. */
export interface VmUse {
  /** Its machine type, such as `pc-q35-10.0`. */
  readonly machine: string;
  /** QOM types of its CPUs. */
  readonly cpus: readonly string[];
  readonly devices: readonly UsedDevice[];
}

export interface CompareQemusOptions {
  /** Machine types of the source, or aliases of them; all that could move unless given. */
  readonly machines?: readonly string[];
  /** Look only at what this VM uses, and count every reason that is found for it. */
  readonly use?: VmUse;
  /** What the destination is called in reasons. */
  readonly where?: string;
}

/** The answer for VMs of one machine type. */
export interface MachineComparison {
  readonly machine: string;
  /** For VMs with no device besides those that the machine brings along, and its default CPU; or for the VM in question. */
  readonly answer: Answer;
}

/** Which QEMU was compared. */
export interface ComparedQemu {
  readonly path: string;
  readonly version: string;
  readonly package: string;
}

/** Whether VMs can move from one QEMU to another. Plain data, safe for JSON. */
export interface QemuComparison {
  /** What all machine types lead to together: no before unproven before yes. */
  readonly answer: Answer;
  readonly source: ComparedQemu;
  readonly destination: ComparedQemu;
  readonly machines: readonly MachineComparison[];
  /** Everything that was found, by weight. Those with `ifUsed` do not count in the answers above. */
  readonly reasons: readonly QemuReason[];
}
