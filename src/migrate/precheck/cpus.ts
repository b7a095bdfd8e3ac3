import type { Facts } from '../facts.ts';
import { type Finding, ok, refuse, warn } from './finding.ts';

const ID = 'cpus';
const EXPECTED = 'as many CPUs of the same model';

/** Number and models of the virtual CPUs. */
export function checkCpus({ source, destination }: Facts): Finding[] {
  const found = `${source.cpuTypes.length} × ${models(source.cpuTypes)}`;
  if (source.cpuTypes.length !== destination.cpuTypes.length)
    return [
      refuse(
        ID,
        `${source.cpuTypes.length} CPUs at the source, ${destination.cpuTypes.length} at the destination`,
        EXPECTED,
        'Start the destination with the source’s -smp',
      ),
    ];
  if (models(source.cpuTypes) !== models(destination.cpuTypes))
    return [
      refuse(
        ID,
        `${models(source.cpuTypes)} at the source, ${models(destination.cpuTypes)} at the destination`,
        EXPECTED,
        'Start the destination with the source’s -cpu',
      ),
    ];
  if (source.cpuTypes.some((type) => /^(host|max)-/.test(type)))
    return [
      warn(
        ID,
        found,
        EXPECTED,
        'This model means whatever its host has: make sure that both hosts have the same CPU, or use a named model',
      ),
    ];
  return [ok(ID, found, EXPECTED)];
}

function models(types: readonly string[]): string {
  return [...new Set(types)].toSorted().join(', ');
}
