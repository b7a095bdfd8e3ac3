import assert from 'node:assert/strict';
import type { SendOptions } from '../../../../src/engine/transfer/index.ts';
import type { Case } from './table.ts';
import type { FaultWorld, Verdict } from './world.ts';

/** Have one cell of the table happen: the outcome is the stated one, and the machine runs where it is stated, whole, and once. */
export async function play(
  world: FaultWorld,
  { phase, fault, expected }: Case,
  send: Partial<SendOptions> = {},
): Promise<Verdict> {
  const verdict = await world.transfer({ phase, fault, send });
  const { source, destination, course } = verdict;
  assert.deepEqual(
    [source?.outcome ?? 'killed', destination?.outcome ?? 'killed'],
    [expected.source, expected.destination],
    `${source?.why} / ${destination?.why}\n${course}`,
  );
  if (source?.outcome === 'failed' || source?.outcome === 'cancelled')
    assert.equal(source.machineAt, 'source');
  for (const outcome of [source, destination]) assert.deepEqual(outcome?.quarantined ?? [], []);
  if (expected.machine === 'undecided') {
    assert.equal(
      world.here.stays.at(-1)?.to === Number.POSITIVE_INFINITY,
      false,
      'The source runs by itself',
    );
    await world.decideForSource();
  }
  if (expected.machine === 'destination') await world.runsAt(world.there);
  if (expected.machine === 'source' || expected.machine === 'undecided') await world.runsAt(world.here);
  world.assertOnce();
  if (expected.machine === 'destination') world.swap();
  return verdict;
}
