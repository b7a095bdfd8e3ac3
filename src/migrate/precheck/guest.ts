import type { SideFacts, SourceFacts } from '../facts.ts';
import { type Finding, ok, refuse, warn } from './finding.ts';

const ID = 'guest';
const EXPECTED = 'a guest that runs, and no other migration';

/** States in which the guest gets CPU time, or would by its own will. They are started again at the destination. */
const LIVE: readonly string[] = ['running', 'suspended'];

/** States that a guest can be moved in and kept in. */
const STOPPED: readonly string[] = ['paused', 'prelaunch', 'io-error', 'watchdog'];

/** Whether the guest is to run at the destination. */
export function isLive(side: SideFacts): boolean {
  return LIVE.includes(side.status.status);
}

/** The guest's state at the source, and that no migration is going on there. */
export function checkGuest({ source }: SourceFacts): Finding[] {
  const { status } = source.status;
  const migration = source.migration.status ?? 'none';
  if (!['none', 'completed', 'failed', 'cancelled'].includes(migration))
    return [
      refuse(
        ID,
        `A migration of the source in state ${migration}`,
        EXPECTED,
        'Wait for its end, or cancel it with migrate_cancel',
      ),
    ];
  if (LIVE.includes(status)) return [ok(ID, `The guest is ${status}`, EXPECTED)];
  if (STOPPED.includes(status))
    return [
      warn(
        ID,
        `The guest is stopped (${status})`,
        EXPECTED,
        'It is moved and stays stopped; `cont` starts it there',
      ),
    ];
  if (status === 'postmigrate')
    return [
      refuse(
        ID,
        'The guest has been moved away already (postmigrate)',
        EXPECTED,
        'Find out where it runs; `cont` here only when it certainly runs nowhere else',
      ),
    ];
  if (status === 'inmigrate')
    return [
      refuse(
        ID,
        'The source waits for a guest itself (inmigrate)',
        EXPECTED,
        'Are source and destination swapped?',
      ),
    ];
  return [
    refuse(ID, `The guest is in state ${status}`, EXPECTED, 'Bring it back to running or paused first'),
  ];
}
