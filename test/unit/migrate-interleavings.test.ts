/**
 * Every command of a move, met by every kind of fault, on either side. At no moment may the guest run twice, it may never
 * start again at the source once it has run at the destination, and the verdict must be true.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { MigrationDetails, StatusReport } from '../../src/control/index.ts';
import { FerryError } from '../../src/errors.ts';
import { type BackEndInquiry, migrate, type Verdict } from '../../src/migrate/index.ts';
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
async function runAll<T>(faults: readonly T[], judge: (fault: T) => Promise<void>): Promise<void> {
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

test('two things fail: a random pair of faults, the second also while the move is undone', async (t) => {
  const faults = await faultsOf();
  const undoing = ['migrate_cancel', 'query-migrate', 'query-status', 'cont', 'quit'].flatMap((command) =>
    (['source', 'destination'] as const).flatMap((role) =>
      (['refuse', 'mute', 'mute-done', 'die', 'drop', 'lose'] as const).flatMap((how) =>
        [1, 2, 5, 7, 8, 9].map((nth) => ({ role, command, nth, how, comesBack: nth % 2 === 0 })),
      ),
    ),
  );
  const seed = Number(process.env.FERRY_TEST_SEED ?? Date.now() % 1_000_000);
  t.diagnostic(`FERRY_TEST_SEED=${seed}`);
  const pairs = fc.sample(fc.tuple(fc.constantFrom(...faults), fc.constantFrom(...faults, ...undoing)), {
    numRuns: process.env.FERRY_TEST_FULL === '1' ? 5_000 : 300,
    seed,
  });
  await runAll(pairs, async (pair) => {
    await using world = await World.create(pair);
    assertTrue(world, await ferry(world), pair.map(name).join(', and '));
  });
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

function ferryBackEnd(chardev: string): StatusReport {
  return {
    program: 'ferry',
    version: '1',
    device: chardev,
    stateVersion: 1,
    features: '0x0',
    protocolFeatures: [],
    negotiated: { features: '0x0', protocolFeatures: ['LOG_SHMFD', 'DEVICE_STATE'] },
    lifecycle: 'running',
    owner: true,
    ringsRunning: 1,
    epoch: null,
    lastTransfer: null,
    migration: null,
  };
}

const PARAMETERS: MigrationDetails = {
  model: 'a.com/x',
  list: 'a.com/x\nq=4\n',
  digest: '0'.repeat(64),
  frozen: false,
  info: '{"models":{"a.com/x":{"params":{"q":{"type":"int","init_value":4,"allowed_values":[4]}}}}}',
};

/** Back ends that note what they are told. */
function noting(world: World, told: string[]): BackEndInquiry {
  for (const machine of [world.source, world.destination])
    machine.chardevs = [{ label: 'fs', filename: `unix:/${machine.role}.sock`, 'frontend-open': true }];
  return {
    status: async () => ferryBackEnd('fs'),
    abortTransfer: async (path) => told.push(`abort ${path}`) > 0,
    fence: async (path) => void told.push(`fence ${path}`),
    release: async (path) => void told.push(`release ${path}`),
    migrationInfo: async () => PARAMETERS,
    freeze: async (path) => void told.push(`freeze ${path}`),
    thaw: async (path) => void told.push(`thaw ${path}`),
  };
}

test('a source that falls silent in the switchover: its back ends are told to give up, and the guest goes on there', async () => {
  await using world = await World.create({
    role: 'source',
    command: 'query-migrate',
    nth: 6,
    how: 'mute',
    comesBack: false,
  });
  const told: string[] = [];
  const backEnds = noting(world, told);
  const notes: string[] = [];
  const verdict = await migrate({
    source: world.source.path,
    destination: world.destination.path,
    uri: 'tcp:127.0.0.1:4444',
    timings: { ...SHORT, giveUpMs: 1_500 },
    onEvent: (event) => event.type === 'note' && notes.push(event.text),
    backEnds: {
      ...backEnds,
      abortTransfer: async (path, reason) => {
        if (path === '/source.sock') setImmediate(() => world.releaseSource());
        return backEnds.abortTransfer(path, reason);
      },
    },
  });
  assert.deepEqual(told.toSorted(), [
    'abort /destination.sock',
    'abort /source.sock',
    'release /destination.sock',
  ]);
  assert.equal(verdict.outcome, 'rolled-back', verdict.why);
  assert.match(notes.join('\n'), /silent for 0\.15 s/);
  assertTrue(world, verdict, 'after the watchdog');
});

test('after a move the back ends of the source are fenced, those of the destination released before', async () => {
  await using world = await World.create();
  const told: string[] = [];
  const backEnds = noting(world, told);
  const verdict = await migrate({
    source: world.source.path,
    destination: world.destination.path,
    uri: 'tcp:127.0.0.1:4444',
    timings: SHORT,
    backEnds: { ...backEnds, fence: async () => Promise.reject(new Error('no such method')) },
  });
  assert.equal(verdict.outcome, 'moved', verdict.why);
  assert.deepEqual(told, ['release /destination.sock']);
});

test('migration parameters that were looked at are kept until the move is over, however it ends', async () => {
  const { info: _info, ...migration } = PARAMETERS;
  for (const [fault, outcome] of [
    [[], 'moved'],
    [{ role: 'source', command: 'migrate', nth: 1, how: 'refuse', comesBack: true } as const, 'rolled-back'],
  ] as const) {
    await using world = await World.create(fault);
    const told: string[] = [];
    const verdict = await migrate({
      source: world.source.path,
      destination: world.destination.path,
      uri: 'tcp:127.0.0.1:4444',
      timings: SHORT,
      backEnds: { ...noting(world, told), status: async () => ({ ...ferryBackEnd('fs'), migration }) },
    });
    assert.equal(verdict.outcome, outcome, verdict.why);
    const both = (what: string) => [`${what} /destination.sock`, `${what} /source.sock`];
    assert.deepEqual(told.slice(0, 2).toSorted(), both('freeze'));
    assert.deepEqual(told.slice(-2).toSorted(), both('thaw'));
  }
});

test('migration parameters that changed after they were looked at: nothing is copied', async () => {
  await using world = await World.create();
  const { info: _info, ...migration } = PARAMETERS;
  const verdict = await migrate({
    source: world.source.path,
    destination: world.destination.path,
    uri: 'tcp:127.0.0.1:4444',
    timings: SHORT,
    backEnds: {
      ...noting(world, []),
      status: async () => ({ ...ferryBackEnd('fs'), migration }),
      freeze: async (path) => {
        if (path === '/source.sock') throw new FerryError('ERR_PARAMETERS_DIFFER', 'Others are in effect');
      },
    },
  });
  assert.deepEqual([verdict.outcome, verdict.code], ['rolled-back', 'parameters-changed'], verdict.why);
  assert.match(verdict.why, /source\.sock: Others are in effect/);
  assert.ok(world.trace.every(({ command }) => command !== 'migrate'));
  assertTrue(world, verdict, 'after a change');
});

for (const [what, status] of [
  ['has gone', async () => undefined],
  ['has lost its front end', async () => ({ ...ferryBackEnd('fs'), owner: false })],
  ['does not answer', async () => Promise.reject(new Error('silence'))],
] as const)
  test(`a back end of the destination that ${what} before the guest is started: it goes on at the source`, async () => {
    await using world = await World.create();
    const backEnds = noting(world, []);
    let arrived = false;
    const verdict = await migrate({
      source: world.source.path,
      destination: world.destination.path,
      uri: 'tcp:127.0.0.1:4444',
      timings: SHORT,
      onEvent: (event) => {
        arrived ||= event.type === 'phase' && event.phase === 'commit';
      },
      backEnds: {
        ...backEnds,
        status: (path) => (arrived && path === '/destination.sock' ? status() : backEnds.status(path)),
      },
    });
    assert.equal(verdict.outcome, 'rolled-back', verdict.why);
    assert.equal(verdict.code, 'destination-back-end');
    assert.match(verdict.why, new RegExp(`^The back end at /destination.sock ${what}`));
    assertTrue(world, verdict, `a back end that ${what}`);
  });

test('a move that somebody else completes is neither undone nor repeated', async () => {
  await using world = await World.create();
  const verdict = await migrate({
    source: world.source.path,
    destination: world.destination.path,
    uri: 'tcp:127.0.0.1:4444',
    timings: SHORT,
    onEvent: (event) => {
      if (event.type !== 'phase' || event.phase !== 'pre-copy') return;
      world.arrive();
      world.destination.set('running');
    },
  });
  assert.equal(verdict.outcome, 'unknown', verdict.why);
  assert.equal(verdict.code, 'interfered');
  assertTrue(world, verdict, 'completed elsewhere');
  assert.ok(world.destination.runs, 'the guest was shut down');
});

test('an end that is forced says what it leaves', async () => {
  await using world = await World.create({
    role: 'source',
    command: 'migrate_cancel',
    nth: 1,
    how: 'mute',
    comesBack: false,
  });
  const cancel = new AbortController();
  const force = new AbortController();
  const verdict = await migrate({
    source: world.source.path,
    destination: world.destination.path,
    uri: 'tcp:127.0.0.1:4444',
    timings: { ...SHORT, silenceMs: 60_000 },
    signal: cancel.signal,
    force: force.signal,
    onEvent: (event) => {
      if (event.type === 'phase' && event.phase === 'pre-copy') cancel.abort();
      if (event.type === 'phase' && event.phase === 'roll-back') setTimeout(() => force.abort(), 30);
    },
  });
  assert.equal(verdict.outcome, 'unknown');
  assert.equal(verdict.code, 'forced');
  assert.ok(verdict.totalMs < 5_000);
  assertTrue(world, verdict, 'forced');
});
