import type { Facts, SideFacts, SourceFacts } from '../facts.ts';
import { type Finding, ok, refuse } from './finding.ts';

const ID = 'blockers';
const EXPECTED = 'no reason against a migration';

/** What each QEMU itself has against a migration. */
export function checkBlockers({ source, destination }: Facts): Finding[] {
  const reasons = [...blockers(source, 'source'), ...blockers(destination, 'destination')];
  return reasons.length > 0 ? reasons : [ok(ID, 'QEMU names none on either side', EXPECTED)];
}

/** What the source has against a migration to anywhere. */
export function checkSourceBlockers({ source }: SourceFacts): Finding[] {
  const reasons = blockers(source, 'source');
  return reasons.length > 0 ? reasons : [ok(ID, 'QEMU names none', EXPECTED)];
}

function blockers({ migration }: SideFacts, role: string): Finding[] {
  return (migration['blocked-reasons'] ?? []).map((reason) =>
    refuse(
      ID,
      `QEMU at the ${role} says: ${reason}`,
      EXPECTED,
      'Remove what blocks, for example with device_del',
    ),
  );
}
