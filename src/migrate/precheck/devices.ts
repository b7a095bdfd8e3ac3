import type { Facts, SideFacts } from '../facts.ts';
import { type Finding, ok, refuse } from './finding.ts';

const ID = 'devices';
const EXPECTED = 'the same devices at the same places';

/** Devices by id and type, and PCI functions by address and identity. */
export function checkDevices({ source, destination }: Facts): Finding[] {
  const findings = [
    ...compare(peripherals(source), peripherals(destination), 'Device'),
    ...compare(pci(source), pci(destination), 'PCI function'),
  ];
  if (findings.length > 0) return findings;
  return [ok(ID, `${source.peripherals.length} added devices, ${source.pci.length} PCI functions`, EXPECTED)];
}

function peripherals(side: SideFacts): Map<string, string> {
  return new Map(side.peripherals.map(({ name, type }) => [name, type]));
}

function pci(side: SideFacts): Map<string, string> {
  return new Map(
    side.pci.map(({ address, identity, id }) => [address, id === '' ? identity : `${identity} ${id}`]),
  );
}

function compare(
  source: ReadonlyMap<string, string>,
  destination: ReadonlyMap<string, string>,
  what: string,
): Finding[] {
  const names = [...new Set([...source.keys(), ...destination.keys()])].toSorted();
  return names.flatMap((name) => {
    const [here, there] = [source.get(name), destination.get(name)];
    if (here === there) return [];
    const found = `${what} ${name}: ${here ?? 'none'} at the source, ${there ?? 'none'} at the destination`;
    return [
      refuse(ID, found, EXPECTED, 'Start the destination with the source’s devices, in the same order'),
    ];
  });
}
