/**
 * Every command of a move, met by every kind of fault, on either side. At no moment may the guest run twice, it may never
 * start again at the source once it has run at the destination, and the verdict must be true.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { migrate, type Verdict } from '../../src/migrate/index.ts';
import { QmpClient } from '../../src/qmp/index.ts';
import { type Fault, SHORT, World } from './migrate-world.ts';

type Mover = (world: World, signal?: AbortSignal) => Promise<Verdict>;

const ferry: Mover = (world, signal) =>
  migrate({
    source: world.source.path,
    destination: world.destination.path,
    uri: 'tcp:127.0.0.1:4444',
    timings: SHORT,
    ...(signal === undefined ? {} : { signal }),
  });

/** What the verdict says must be so. */
function assertTrue(world: World, verdict: Verdict, what: string): void {
  assert.deepEqual(world.violations, [], `${what}: ${verdict.outcome}, ${verdict.why}`);
  const here = world.source.runs;
  const there = world.destination.runs;
  switch (verdict.outcome) {
    case 'moved':
      assert.ok(there && !here, `${what}: said moved, but source ${here}, destination ${there}`);
      break;
    case 'refused':
      assert.ok(
        !there && (here || verdict.guestAt !== 'source'),
        `${what}: said refused, guest at ${verdict.guestAt}`,
      );
      break;
    case 'cancelled':
    case 'rolled-back':
      assert.ok(here && !there, `${what}: said ${verdict.outcome}, but source ${here}, destination ${there}`);
      break;
    case 'failed':
      assert.ok(!here && !there, `${what}: said failed, but source ${here}, destination ${there}`);
      break;
    default:
      assert.ok(verdict.nextSteps.length > 0, `${what}: says unknown and not what to do`);
  }
}

async function faultsOf(): Promise<Fault[]> {
  await using world = await World.create();
  const verdict = await ferry(world);
  assert.equal(verdict.outcome, 'moved', verdict.why);
  assertTrue(world, verdict, 'without a fault');
  const asked = world.trace.filter(({ command }) => !/^(qom|query-(?!status|migrate$))/.test(command));
  return asked.flatMap(({ role, command, nth }) => [
    ...(['refuse', 'mute', 'mute-done', 'die'] as const).map((how) => ({
      role,
      command,
      nth,
      how,
      comesBack: false,
    })),
    ...(['drop', 'lose'] as const).flatMap((how) =>
      [true, false].map((comesBack) => ({ role, command, nth, how, comesBack })),
    ),
  ]);
}

const name = ({ role, command, nth, how, comesBack }: Fault) =>
  `${role} ${how}${comesBack ? ' and come back' : ''} at ${command} #${nth}`;

/** Run `mover` against each fault, some at a time. */
async function runAll(faults: readonly Fault[], judge: (fault: Fault) => Promise<void>): Promise<void> {
  const left = [...faults];
  const lane = async () => {
    for (let fault = left.shift(); fault !== undefined; fault = left.shift()) await judge(fault);
  };
  await Promise.all(Array.from({ length: 16 }, lane));
}

test('whatever fails, the guest runs on one side at most and the verdict is true', async (t) => {
  const faults = await faultsOf();
  const outcomes = new Map<string, number>();
  await runAll(faults, async (fault) => {
    await using world = await World.create(fault);
    const verdict = await ferry(world);
    assertTrue(world, verdict, name(fault));
    outcomes.set(verdict.outcome, (outcomes.get(verdict.outcome) ?? 0) + 1);
  });
  t.diagnostic(
    `${faults.length} faults: ${[...outcomes].map(([outcome, n]) => `${n} ${outcome}`).join(', ')}`,
  );
  for (const outcome of ['moved', 'refused', 'rolled-back', 'unknown'])
    assert.ok(outcomes.has(outcome), `no fault led to ${outcome}`);
});

test('a mover that always goes back to the source is caught by the same test', async () => {
  const careless: Mover = async (world) => {
    const verdict = await ferry(world);
    if (verdict.outcome === 'moved' || !world.source.alive) return verdict;
    const client = await QmpClient.connect(world.source.path, {
      limits: { connectMs: 60, commandMs: 60 },
    }).catch(() => undefined);
    await client?.execute('cont').catch(() => undefined);
    await client?.[Symbol.asyncDispose]();
    return verdict;
  };
  const caught: string[] = [];
  await runAll(await faultsOf(), async (fault) => {
    await using world = await World.create(fault);
    await careless(world);
    if (world.violations.length > 0) caught.push(name(fault));
  });
  assert.ok(caught.includes('destination lose at cont #1'), caught.join('; '));
});

test('a cancellation at any moment leaves the guest on one side, and says which', async () => {
  await using clean = await World.create();
  await ferry(clean);
  const moments = clean.trace.map(({ role, command, nth }) => ({ role, command, nth }));
  const outcomes = new Set<string>();
  for (const moment of moments) {
    const abort = new AbortController();
    await using world = await World.create();
    const push = world.trace.push.bind(world.trace);
    world.trace.push = (...items) => {
      const [item] = items;
      if (item?.role === moment.role && item.command === moment.command && item.nth === moment.nth)
        abort.abort();
      return push(...items);
    };
    const verdict = await ferry(world, abort.signal);
    assertTrue(world, verdict, `cancelled when ${moment.role} was asked ${moment.command} #${moment.nth}`);
    assert.ok(['cancelled', 'moved'].includes(verdict.outcome), `${verdict.outcome}: ${verdict.why}`);
    outcomes.add(verdict.outcome);
  }
  assert.deepEqual([...outcomes].toSorted(), ['cancelled', 'moved']);
});
