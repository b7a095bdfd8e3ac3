import type { Facts } from '../facts.ts';
import { type Finding, ok, refuse } from './finding.ts';
import { formatVersion } from './versions.ts';

const ID = 'machine';
const EXPECTED = 'one versioned machine type on both sides';

/** Both QEMUs emulate the same board. Aliases such as q35 are resolved: QEMU tells the version it stands for. */
export function checkMachine({ source, destination }: Facts): Finding[] {
  if (source.machine === destination.machine) return [ok(ID, `${source.machine} on both sides`, EXPECTED)];
  const found = `${source.machine} at the source, ${destination.machine} at the destination`;
  const remedy = destination.machines.includes(source.machine)
    ? `Start the destination with -machine ${source.machine}`
    : `QEMU ${formatVersion(destination)} has no ${source.machine}: move to a QEMU that has it`;
  return [refuse(ID, found, EXPECTED, remedy)];
}
