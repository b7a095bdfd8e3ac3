import { compareDumps, type VmstateReason } from '../vmstate/index.ts';
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
  // What the destination lacks altogether has been told
  const only = [...source.vmstate.devices.keys()].filter(
    (name) => gatherer.concerns(name) && destination.types.has(name),
  );
  for (const difference of compareDumps(source.vmstate, destination.vmstate, { only })) {
    const { code, description: _description, field: _field, ...reason } = difference;
    if (reason.device === undefined) continue;
    const machines = common.filter((machine) => !isNeverSent(gatherer, defaults, difference, machine));
    gatherer.add(
      machines.map(({ name }) => name),
      { ...reason, code: `vmstate-${code}` },
    );
  }
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
