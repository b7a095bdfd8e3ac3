import { compareDumps, type VmstateDevice, type VmstateReason } from '../vmstate/index.ts';
import type { CommonMachine } from './compare.ts';
import { Defaults } from './defaults.ts';
import type { Gatherer } from './gatherer.ts';

/**
 * Subsections that a device sends only with a property on that came together with them: a device without the property never
 * sends them, and older machine types switch it off.
 */
const GUARDS: ReadonlyMap<string, string> = new Map([
  ['acpi-ged/hest', 'x-has-hest-addr'],
  ['acpi-ged/pcihp', 'acpi-pci-hotplug-with-bridge-support'],
  ['scsi-disk/pr', 'migrate-pr'],
  ['tpm-crb/chunk', 'x-allow-chunk-migration'],
  ['vhost-user-blk/inflight', 'inflight-migration'],
]);

/** The layouts of device state, which are the same for every machine type. */
export function compareStates(gatherer: Gatherer, common: readonly CommonMachine[]): void {
  const { source, destination } = gatherer;
  const defaults = new Defaults(source);
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
    const machines = common.filter((machine) => !isNeverSent(gatherer, defaults, difference, machine));
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

function isNeverSent(
  gatherer: Gatherer,
  defaults: Defaults,
  { code, field = '', device: type = '' }: VmstateReason,
  { here }: CommonMachine,
): boolean {
  const guard = GUARDS.get(field);
  const device = gatherer.source.devices.get(type);
  if (code !== 'subsection' || guard === undefined || device === undefined) return false;
  const byDefault = defaults.effective(device, defaults.overrides(here, device), guard)?.value;
  const used = gatherer.used(type) ?? [];
  return byDefault !== true && used.every(({ properties }) => properties.get(guard) !== true);
}
