import type { SourceFacts } from '../facts.ts';
import { type Finding, ok, refuse } from './finding.ts';

const ID = 'silent-loss';
const EXPECTED = 'no device whose state QEMU leaves behind without a word';

/** Devices with which QEMU reports `completed` although their state did not travel. */
const LOSSES: ReadonlyMap<string, string> = new Map([
  ['vfio-user-pci', 'vfio-user devices have no migration support in QEMU'],
  ['vhost-user-gpu', 'the state of a vhost-user GPU does not travel'],
  ['vhost-user-gpu-pci', 'the state of a vhost-user GPU does not travel'],
  ['vhost-user-vga', 'the state of a vhost-user GPU does not travel'],
]);

/** Devices known to lose their state while QEMU calls the migration a success. */
export function checkSilentLoss({ source }: SourceFacts): Finding[] {
  const findings = source.peripherals.flatMap(({ name, type }) => {
    const reason = LOSSES.get(type);
    if (reason === undefined) return [];
    return [refuse(ID, `${name} (${type}): ${reason}`, EXPECTED, `Unplug it first: device_del ${name}`)];
  });
  return findings.length > 0 ? findings : [ok(ID, 'None is known to', EXPECTED)];
}
