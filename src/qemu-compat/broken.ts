import type { CommonMachine } from './compare.ts';
import { formatQemuVersion } from './description.ts';
import type { Gatherer } from './gatherer.ts';

/**
 * Devices whose state no QEMU up to `until` loads, not even the one that saved it: their descriptions look right. Found by
 * moving each device between two processes of one QEMU.
 */
const BROKEN: ReadonlyMap<string, { readonly until: number; readonly what: string }> = new Map([
  ['pci-serial-2x', { until: 11, what: 'QEMU does not find the end of its saved state when it loads it' }],
  ['vmbus-bridge', { until: 11, what: 'QEMU does not find the end of its saved state when it loads it' }],
]);

/** Devices that cannot be moved to any QEMU that is known. */
export function compareBroken(gatherer: Gatherer, common: readonly CommonMachine[]): void {
  for (const [device, { until, what }] of BROKEN) {
    if (!gatherer.types.includes(device) || gatherer.destination.version.major > until) continue;
    gatherer.add(
      common.map(({ name }) => name),
      {
        code: 'device-broken',
        answer: 'no',
        device,
        parameter: device,
        have: device,
        message: `${device} cannot be loaded by QEMU ${formatQemuVersion(gatherer.destination)}: ${what}`,
        remedy: 'Remove the device from the VM first',
      },
    );
  }
}
