import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seeds } from '../../e2e/engine/schedules.ts';
import { type ModelOptions, ScheduleModel } from './schedule-model.ts';
import { Chance } from './slots-random.ts';

function draw(seed: number): ModelOptions {
  const chance = new Chance(seed);
  const totals = Array.from({ length: 1 + chance.below(8) }, () => 1 + chance.below(12));
  const credits = chance.below(2) === 0;
  const stuck = totals.flatMap((total, device): [number, number][] =>
    chance.below(8) === 0 ? [[device, chance.below(total)]] : [],
  );
  return {
    seed,
    channels: 1 + chance.below(6),
    totals,
    slots: { source: 2 * totals.length + chance.below(6), destination: 2 * totals.length + chance.below(6) },
    passes: Array.from({ length: 1 + chance.below(4) }, () => chance.below(12)),
    room: 1 + chance.below(4),
    credits,
    stuckAfter: new Map(stuck),
    breaks: credits ? chance.below(4) : 0,
  };
}

/** What is not as it should be when nothing can happen any more. */
function wrong(options: ModelOptions): string | undefined {
  const model = new ScheduleModel(options);
  model.run();
  const { totals, stuckAfter, passes, breaks } = options;
  const wanted = totals.map((total, device) => stuckAfter.get(device) ?? total);
  if (model.loaded.join() !== wanted.join()) return `loaded ${model.loaded.join()} of ${wanted.join()}`;
  if (model.hasEnded !== (stuckAfter.size === 0))
    return stuckAfter.size === 0 ? 'it has not ended' : 'it has ended';
  const ram = passes.reduce((sum, packets) => sum + packets, 0);
  if (breaks === 0 ? model.arrivedRam !== ram : model.arrivedRam < ram)
    return `${model.arrivedRam} packets of RAM of ${ram}`;
  return undefined;
}

test('no order of steps of channels, devices and the main sides leads to a standstill', (t) => {
  const all = seeds(2_000, 500);
  for (const seed of all) {
    const options = draw(seed);
    const found = wrong(options);
    assert.equal(found, undefined, `FERRY_SCHEDULE_SEED=${seed}: ${JSON.stringify(options)}`);
  }
  t.diagnostic(`${all.length} schedules`);
});

test('a main side that waits for devices before the last barrier comes to a standstill', () => {
  const standstills = Array.from({ length: 200 }, (_, seed) => draw(seed))
    .filter(({ stuckAfter }) => stuckAfter.size === 0)
    .filter((options) => wrong({ ...options, waitsTooEarly: true }) !== undefined);
  assert.ok(standstills.length > 0);
});
