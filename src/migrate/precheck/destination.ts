import type { Facts } from '../facts.ts';
import { type Finding, ok, refuse, warn } from './finding.ts';

const ID = 'destination';
const EXPECTED = 'a QEMU that waits for a guest (-S -incoming defer)';

/** The destination waits for a guest. */
export function checkDestination({ destination }: Facts): Finding[] {
  const { status } = destination.status;
  const incoming = destination.migration.status ?? 'none';
  if (status !== 'inmigrate')
    return [
      refuse(
        ID,
        `The destination is ${status}`,
        EXPECTED,
        'Start it with the source’s command line and -S -incoming defer',
      ),
    ];
  if (incoming === 'none') return [ok(ID, 'It waits, and listens nowhere yet', EXPECTED)];
  if (incoming === 'setup')
    return [
      warn(
        ID,
        'It listens already',
        EXPECTED,
        'With -incoming defer it could also say why it refuses a guest; started with a URI it exits instead',
      ),
    ];
  const because = destination.migration['error-desc'];
  return [
    refuse(
      ID,
      `Its incoming migration is ${incoming}${because === undefined ? '' : `: ${because}`}`,
      EXPECTED,
      'Start it anew: a QEMU takes one incoming migration',
    ),
  ];
}
