import { compareDumps } from '../vmstate/index.ts';
import type { CommonMachine } from './compare.ts';
import type { Gatherer } from './gatherer.ts';

/** The layouts of device state, which are the same for every machine type. */
export function compareStates(gatherer: Gatherer, common: readonly CommonMachine[]): void {
  const { source, destination } = gatherer;
  const machines = common.map(({ name }) => name);
  // What the destination lacks altogether has been told
  const only = [...source.vmstate.devices.keys()].filter(
    (name) => gatherer.concerns(name) && destination.types.has(name),
  );
  for (const { code, description: _, field: __, ...reason } of compareDumps(
    source.vmstate,
    destination.vmstate,
    { only },
  )) {
    if (reason.device === undefined) continue;
    gatherer.add(machines, { ...reason, code: `vmstate-${code}` });
  }
}
