import type { Facts, SideFacts } from '../facts.ts';
import { type Finding, ok, warn } from './finding.ts';

const ID = 'disks';
const EXPECTED = 'writable disks that both sides reach';

/** Disks stay where they are: what the guest writes to has to be the same file for both QEMUs. */
export function checkDisks({ source, destination }: Facts): Finding[] {
  const here = writable(source);
  if (here.length === 0) return [ok(ID, 'The guest writes to none', EXPECTED)];
  const there = new Set(writable(destination));
  const missing = here.filter((file) => !there.has(file));
  if (missing.length === 0)
    return [ok(ID, `${here.join(', ')}, which must be on storage that both sides share`, EXPECTED)];
  return [
    warn(
      ID,
      `${missing.join(', ')} at the source has no disk of that name at the destination`,
      EXPECTED,
      'Make sure that both names lead to the same storage: contents of disks are not copied',
    ),
  ];
}

function writable({ disks }: SideFacts): string[] {
  const files = disks.filter(
    ({ ro, drv }) => !ro && ['file', 'host_device', 'nbd', 'rbd', 'nfs'].includes(drv),
  );
  return [...new Set(files.map(({ file }) => file))];
}
