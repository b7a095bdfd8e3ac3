import { formatQemuVersion } from './description.ts';
import type { CommonMachine, Gatherer } from './gatherer.ts';

interface Broken {
  readonly code: 'device-broken' | 'device-unmigratable';
  /** The last major version of QEMU that is known to be so. */
  readonly until: number;
  readonly what: string;
}

const NO_END: Broken = {
  code: 'device-broken',
  until: 11,
  what: 'QEMU does not find the end of its saved state when it loads it',
};
const NOT_MIGRATED: Broken = {
  code: 'device-unmigratable',
  until: 11,
  what: 'QEMU does not migrate a VM with it',
};

/**
 * Devices whose descriptions look right though no QEMU loads their state, not even the one that saved it. Found by moving a
 * VM with each device between two processes of one QEMU.
 */
const BROKEN: ReadonlyMap<string, Broken> = new Map([
  ['pci-serial-2x', NO_END],
  ['vmbus-bridge', NO_END],
  ['usb-uas', NOT_MIGRATED],
  ['virtio-sound-device', NOT_MIGRATED],
]);

/** Devices that cannot be moved to any QEMU that is known. */
export function compareBroken(gatherer: Gatherer, common: readonly CommonMachine[]): void {
  for (const [device, { code, until, what }] of BROKEN) {
    if (!gatherer.types.includes(device) || gatherer.destination.version.major > until) continue;
    gatherer.add(
      common.map(({ name }) => name),
      {
        code,
        answer: 'no',
        device,
        parameter: device,
        message: `${device} cannot move to QEMU ${formatQemuVersion(gatherer.destination)}: ${what}`,
        remedy: 'Remove the device from the VM first',
      },
    );
  }
}
