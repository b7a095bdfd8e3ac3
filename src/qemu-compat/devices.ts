import { formatQemuVersion } from './description.ts';
import type { CommonMachine, Gatherer } from './gatherer.ts';

/** Device types that the destination lacks. */
export function compareDevices(gatherer: Gatherer, common: readonly CommonMachine[]): void {
  const { source, destination } = gatherer;
  const machines = common.map(({ name }) => name);
  const cpus = new Set([...source.cpus.values()].map(({ type }) => type));
  for (const name of source.devices.keys()) {
    if (cpus.has(name) || destination.devices.has(name)) continue;
    gatherer.add(machines, {
      code: 'device-missing',
      answer: 'no',
      device: name,
      parameter: name,
      have: name,
      message: `QEMU ${formatQemuVersion(destination)} has no device ${name}`,
      remedy: 'Remove the device from the VM first, or choose a QEMU that has it',
    });
  }
}
