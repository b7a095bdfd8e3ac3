import type { Facts, SideFacts } from '../facts.ts';
import { type Finding, ok, refuse, warn } from './finding.ts';

const ID = 'versions';
const EXPECTED = 'a destination no older than the source, for the same kind of guest';

/** Whether `side` is at least version `major`.`minor`. */
export function atLeast({ version: { qemu } }: SideFacts, major: number, minor: number): boolean {
  return qemu.major > major || (qemu.major === major && qemu.minor >= minor);
}

export function formatVersion({ version: { qemu } }: SideFacts): string {
  return `${qemu.major}.${qemu.minor}.${qemu.micro}`;
}

/** Versions and target of both QEMUs. */
export function checkVersions({ source, destination }: Facts): Finding[] {
  const found = `QEMU ${formatVersion(source)} to ${formatVersion(destination)}`;
  if (source.arch !== destination.arch)
    return [
      refuse(
        ID,
        `${found}, ${source.arch} to ${destination.arch}`,
        EXPECTED,
        `Start the destination with qemu-system-${source.arch}`,
      ),
    ];
  const { major, minor } = source.version.qemu;
  if (!atLeast(destination, major, minor))
    return [
      warn(
        ID,
        found,
        EXPECTED,
        'An older QEMU may refuse what a newer one sends, at the end of the copy; the guest then goes on at the source',
      ),
    ];
  return [ok(ID, found, EXPECTED)];
}
