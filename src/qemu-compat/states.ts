import { compareDumps, type VmstateDevice, type VmstateReason } from '../vmstate/index.ts';
import { Defaults } from './defaults.ts';
import type { MachineType, QemuDescription } from './description.ts';
import type { CommonMachine, Gatherer } from './gatherer.ts';

/**
 * Properties that decide whether a subsection, or a field of a device, is in the stream. They came together with it, or went
 * with it: a device without the property never has it, and machine types switch it on or off.
 */
const GUARDS: ReadonlyMap<string, string> = new Map([
  ['acpi-ged/hest', 'x-has-hest-addr'],
  ['acpi-ged/pcihp', 'acpi-pci-hotplug-with-bridge-support'],
  ['pvscsi/parent_obj', 'x-disable-pcie'],
  ['scsi-disk/pr', 'migrate-pr'],
  ['tpm-crb/chunk', 'x-allow-chunk-migration'],
  ['vhost-user-blk/inflight', 'inflight-migration'],
]);

/** The layouts of device state, which are the same for every machine type. */
export function compareStates(gatherer: Gatherer, common: readonly CommonMachine[]): void {
  const { source, destination } = gatherer;
  compareDescribed(
    gatherer,
    common.map(({ name }) => name),
  );
  // What the destination lacks altogether has been told
  const only = [...source.vmstate.devices.keys()].filter(
    (name) => gatherer.concerns(name) && destination.types.has(name),
  );
  for (const difference of compareDumps(source.vmstate, destination.vmstate, { only })) {
    const { code, description: _description, field: _field, ...reason } = difference;
    // The type is there: it has no state, or registers it by itself
    if (reason.device === undefined || code === 'device') continue;
    const machines = common.filter((machine) => !isNeverThere(gatherer, difference, machine));
    gatherer.add(
      machines.map(({ name }) => name),
      { ...reason, code: `vmstate-${code}` },
    );
  }
}

/** What dumps do not tell by themselves: devices that nobody migrates, and those whose state one side alone describes. */
function compareDescribed(gatherer: Gatherer, machines: readonly string[]): void {
  const [here, there] = [gatherer.source.vmstate.devices, gatherer.destination.vmstate.devices];
  for (const device of gatherer.types) {
    const [mine, theirs] = [here.get(device), there.get(device)];
    const known = { device, parameter: device };
    if (mine !== undefined && theirs !== undefined && isUnmigratable(mine) && isUnmigratable(theirs))
      gatherer.add(machines, {
        ...known,
        code: 'device-unmigratable',
        answer: 'no',
        message: `QEMU does not migrate a VM with ${device}`,
        remedy: 'Remove the device from the VM first',
      });
    else if ((mine === undefined) !== (theirs === undefined))
      gatherer.add(machines, {
        ...known,
        code: 'device-state',
        answer: 'unproven',
        message: `The ${mine === undefined ? 'destination' : 'source'} alone describes the state of ${device}; the ${mine === undefined ? 'source' : 'destination'} has none, or sends it undescribed`,
        remedy: 'Rehearse the move',
      });
  }
}

function isUnmigratable({ description }: VmstateDevice): boolean {
  return description !== undefined && description.fields === undefined;
}

/** Whether the property that it depends on is off on that machine type, at the side that knows the property. */
function isNeverThere(
  gatherer: Gatherer,
  { code, field = '', device: type = '' }: VmstateReason,
  { here, there }: CommonMachine,
): boolean {
  const guard = GUARDS.get(code === 'subsection' ? field : `${type}/${field}`);
  if (guard === undefined) return false;
  const values = [
    byDefault(gatherer.source, here, type, guard),
    byDefault(gatherer.destination, there, type, guard),
    ...(gatherer.used(type) ?? []).map(({ properties }) => properties.get(guard)),
  ];
  return !values.includes(true);
}

function byDefault(description: QemuDescription, machine: MachineType, type: string, property: string) {
  const device = description.devices.get(type);
  if (device === undefined) return undefined;
  const defaults = new Defaults(description);
  return defaults.effective(device, defaults.overrides(machine, device), property)?.value;
}
