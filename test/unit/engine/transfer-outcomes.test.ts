/** Transfers that are cancelled, or in which something breaks: each ends as it is stated, and the source's machine runs on. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { DESTINATION, SOURCE } from '../../../src/engine/transfer/index.ts';
import {
  assertMoved,
  assertStayed,
  enters,
  type Play,
  play,
  type Side,
} from '../../support/engine/transfer-play.ts';
import { Lanes } from '../../support/engine/transfer-rig.ts';

const STATES = [2_500_000, 300];

let sourceLanes: Lanes;
let destinationLanes: Lanes;

before(async () => {
  [sourceLanes, destinationLanes] = await Promise.all([Lanes.start(2), Lanes.start(2)]);
});

after(async () => {
  await sourceLanes[Symbol.asyncDispose]();
  await destinationLanes[Symbol.asyncDispose]();
});

/** Both machines have devices. */
function withDevices(rest: Omit<Play, 'source' | 'destination'> = {}): Play {
  return {
    source: { states: STATES, lanes: sourceLanes },
    destination: { states: STATES, lanes: destinationLanes },
    ...rest,
  };
}

const SOURCE_CANCELS = ['open', 'setup', 'pre-copy', 'switchover', 'loading'] as const;

for (const phase of SOURCE_CANCELS)
  test(`cancelled at the source in phase ${phase}, twice`, async () => {
    assert.notEqual(SOURCE[phase].cancel, 'too-late');
    using played = await play(
      withDevices({
        when: (side, event, hand) => {
          if (side !== 'source' || !enters(event, phase)) return;
          hand.cancel('source');
          hand.cancel('source');
        },
      }),
    );
    assertStayed(played);
    assert.deepEqual(
      [played.sent.outcome, played.sent.code, played.sent.from],
      ['cancelled', 'ERR_CANCELLED', 'here'],
    );
    assert.deepEqual([played.received.outcome, played.received.from], ['cancelled', 'peer']);
  });

for (const phase of ['receive', 'load'] as const)
  test(`cancelled at the destination in phase ${phase}`, async () => {
    assert.equal(DESTINATION[phase].cancel, 'rolls-back');
    using played = await play(
      withDevices({
        when: (side, event, hand) => {
          if (side === 'destination' && enters(event, phase)) hand.cancel('destination');
        },
      }),
    );
    assertStayed(played);
    assert.deepEqual([played.received.outcome, played.received.from], ['cancelled', 'here']);
    assert.deepEqual([played.sent.outcome, played.sent.from], ['cancelled', 'peer']);
    assert.deepEqual(played.destination.history, ['discard']);
  });

test('a cancellation that comes too late changes nothing, from either end', async () => {
  using played = await play(
    withDevices({
      when: (side, event, hand) => {
        if (side === 'source' && enters(event, 'commit')) hand.cancel('source');
        if (side === 'destination' && enters(event, 'start')) hand.cancel('destination');
      },
    }),
  );
  assertMoved(played);
});

test('the destination cancels while the word that hands the machine over is on its way: nobody has it, so it runs on', async () => {
  using played = await play(
    withDevices({
      when: (side, event, hand) => {
        if (side === 'source' && enters(event, 'commit')) hand.cancel('destination');
      },
    }),
  );
  assertStayed(played);
  assert.deepEqual([played.sent.outcome, played.received.outcome], ['cancelled', 'cancelled']);
  assert.deepEqual(
    played.sent.phases.map(({ phase }) => phase),
    ['connect', 'open', 'setup', 'pre-copy', 'switchover', 'loading', 'commit', 'roll-back'],
  );
});

for (const phase of ['setup', 'pre-copy', 'switchover', 'loading'] as const)
  test(`the main connection is cut in phase ${phase}`, async () => {
    using played = await play(
      withDevices({
        when: (side, event, hand) => {
          if (side === 'source' && enters(event, phase)) hand.relay.main.cut();
        },
      }),
    );
    assertStayed(played);
    for (const { outcome, code } of [played.sent, played.received])
      assert.deepEqual([outcome, code], ['failed', 'ERR_PEER_GONE']);
  });

test('the main connection is cut behind the word that hands the machine over: the source cannot know', async () => {
  using played = await play(
    withDevices({
      when: (side, event, hand) => {
        if (side === 'destination' && enters(event, 'start')) hand.relay.main.cut();
      },
    }),
  );
  const { sent, received, source, destination } = played;
  assert.deepEqual([sent.outcome, sent.machineAt], ['unknown', 'unknown']);
  assert.match(`${sent.why}`, /it may run there, and stands still here/);
  assert.deepEqual(source.history, ['stop', 'unwatch']);
  assert.equal(received.outcome, 'completed');
  assert.deepEqual(destination.history, ['start']);
});

test('or before it arrives: then nobody runs it by himself', async () => {
  using played = await play(
    withDevices({
      tap: ({ link, direction, message }) => {
        if (direction === 'forth' && message === 'commit') link.cut();
      },
    }),
  );
  const { sent, received, source, destination } = played;
  assert.deepEqual([sent.outcome, sent.machineAt], ['unknown', 'unknown']);
  assert.deepEqual(source.history, ['stop', 'unwatch']);
  assert.deepEqual([received.outcome, received.code], ['failed', 'ERR_PEER_GONE']);
  assert.deepEqual(destination.history, ['discard']);
});

test('an end that says nothing any more is missed by the other', async () => {
  let silent = false;
  using played = await play(
    withDevices({
      send: { timings: { ...QUIET } },
      receive: { timings: { ...QUIET } },
      tap: ({ link, direction }) => {
        if (silent && link.role === 'main' && direction === 'back')
          return new Promise((done) => void link.closed.then(done));
        return undefined;
      },
      when: (side, event) => {
        if (side === 'source' && enters(event, 'pre-copy')) silent = true;
      },
    }),
  );
  assertStayed(played);
  assert.deepEqual([played.sent.outcome, played.sent.code], ['failed', 'ERR_PEER_SILENT']);
});

for (const side of ['source', 'destination'] as const)
  test(`a device that breaks down at the ${side}`, async () => {
    const release = new SharedArrayBuffer(4);
    using played = await play(broken(side, { kind: 'throws', release }));
    assertStayed(played);
    const did = side === 'source' ? 'saved' : 'loaded';
    for (const outcome of [played.sent, played.received]) {
      assert.deepEqual([outcome.outcome, outcome.code], ['failed', 'ERR_DEVICE_STATE']);
      assert.match(`${outcome.why}`, new RegExp(`dev-0 could not be ${did}: The device has broken down`));
    }
  });

for (const side of ['source', 'destination'] as const)
  test(`a device that is stuck at the ${side} is named, and the others are done`, async () => {
    const release = new SharedArrayBuffer(4);
    const short = { timings: { ...QUIET, silenceMs: 3_000, saveMs: 400, loadMs: 400, endMs: 200 } };
    try {
      using played = await play({ ...broken(side, { kind: 'stuck', release }), send: short, receive: short });
      assertStayed(played, ['dev-0']);
      const own = side === 'source' ? played.sent : played.received;
      const did = side === 'source' ? 'saved' : 'loaded';
      assert.deepEqual([own.outcome, own.code], ['failed', 'ERR_DEVICE_STATE']);
      assert.match(`${own.why}`, new RegExp(`^dev-0 could not be ${did} within 400 ms$`));
      assert.ok(
        played.events.some(([at, event]) => at === side && event.type === 'device' && event.did === did),
      );
    } finally {
      Atomics.store(new Int32Array(release), 0, 1);
      Atomics.notify(new Int32Array(release), 0);
    }
  });

test('a device that is stuck at the destination before all of its state was sent is named there', async () => {
  const release = new SharedArrayBuffer(4);
  const timings = { ...QUIET, silenceMs: 3_000, saveMs: 2_000, loadMs: 400, endMs: 200 };
  const states = [8_500_000, 300];
  try {
    using played = await play({
      source: { states, lanes: sourceLanes },
      destination: { states, lanes: destinationLanes, mishap: { kind: 'stuck', release } },
      send: { timings },
      receive: { timings, slots: 4 },
    });
    assertStayed(played, ['dev-0']);
    for (const { outcome, code, why } of [played.sent, played.received]) {
      assert.deepEqual([outcome, code], ['failed', 'ERR_DEVICE_STATE']);
      assert.match(`${why}`, /dev-0 could not be loaded within 400 ms$/);
    }
  } finally {
    Atomics.store(new Int32Array(release), 0, 1);
    Atomics.notify(new Int32Array(release), 0);
  }
});

/** Signs of life often enough for short tests. */
const QUIET = {
  keepAliveMs: 50,
  silenceMs: 600,
  endMs: 1_000,
  undoMs: 3_000,
  stallMs: 5_000,
  barrierMs: 5_000,
};

function broken(side: Side, mishap: NonNullable<NonNullable<Play['source']>['mishap']>): Play {
  const whole = withDevices();
  return { ...whole, [side]: { ...whole[side], mishap } };
}

test('a machine that does not stop runs on', async () => {
  using played = await play({
    change: (source) => {
      source.stop = () => Promise.reject(new Error('It will not'));
    },
  });
  assert.deepEqual(
    [played.sent.outcome, played.sent.code, played.sent.machineAt],
    ['failed', 'ERR_MACHINE', 'source'],
  );
  assert.deepEqual(played.source.history, ['resume', 'unwatch']);
  assert.deepEqual(played.destination.history, ['discard']);
});

test('a machine that does not run on is said to run nowhere', async () => {
  using played = await play({
    change: (source) => {
      source.resume = () => Promise.reject(new Error('Broken'));
    },
    when: (side, event, hand) => {
      if (side === 'source' && enters(event, 'loading')) hand.cancel('source');
    },
  });
  assert.deepEqual([played.sent.outcome, played.sent.machineAt], ['cancelled', 'nowhere']);
  assert.match(`${played.sent.why}`, /it does not run on here: Broken/);
});

test('a machine that says it does not start there runs on here', async () => {
  using played = await play(
    withDevices({
      change: (_source, destination) => {
        destination.start = () => Promise.reject(new Error('No room'));
      },
    }),
  );
  assertStayed(played);
  for (const { outcome, code, why } of [played.sent, played.received]) {
    assert.deepEqual([outcome, code], ['failed', 'ERR_MACHINE']);
    assert.match(`${why}`, /The machine could not be started: No room/);
  }
});

test('a machine that says nothing about its start leaves both ends not knowing', async () => {
  const timings = { ...QUIET, silenceMs: 3_000, startMs: 300 };
  using played = await play({
    send: { timings },
    receive: { timings },
    change: (_source, destination) => {
      destination.start = () => new Promise(() => undefined);
    },
  });
  assert.deepEqual([played.sent.outcome, played.received.outcome], ['unknown', 'unknown']);
  assert.deepEqual(played.source.history, ['stop', 'unwatch']);
  assert.deepEqual(played.destination.history, []);
});
