/** Whole transfers that come to a good end: live, over channels that break, into a folder and out of it. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  receiveMachine,
  type SendOptions,
  sendMachine,
  type TransferEvent,
  TransferMetrics,
} from '../../../src/engine/transfer/index.ts';
import { Authority } from '../../support/engine/certificates.ts';
import { assertMoved, assertStayed, enters, type Play, play } from '../../support/engine/transfer-play.ts';
import {
  assertSameMemory,
  Lanes,
  type MachineOptions,
  QUICK,
  TestMachine,
  temporaryFolder,
} from '../../support/engine/transfer-rig.ts';

const STATES = [3_000_000, 10, 1_048_576];

let sourceLanes: Lanes;
let destinationLanes: Lanes;

before(async () => {
  [sourceLanes, destinationLanes] = await Promise.all([Lanes.start(3), Lanes.start(3)]);
});

after(async () => {
  await sourceLanes[Symbol.asyncDispose]();
  await destinationLanes[Symbol.asyncDispose]();
});

/** A guest that writes less and less, and says so, some of it to pages of zeroes. */
const BUSY: MachineOptions['guest'] = (machine, pass) => {
  for (let i = 0; i < 400 >> pass; i++) machine.write(0, (i * 7 + pass) % 1024, `pass ${pass}`);
  machine.write(1, pass % 9, `small ${pass}`);
};

function busy(rest: Omit<Play, 'source' | 'destination'> = {}): Play {
  return {
    source: { states: STATES, lanes: sourceLanes, guest: BUSY },
    destination: { states: STATES, lanes: destinationLanes },
    ...rest,
  };
}

test('a machine that goes on writing arrives whole, with its devices, and everything about it is told', async () => {
  const metrics = { source: new TransferMetrics({ end: 'source' }), destination: new TransferMetrics() };
  using played = await play(
    busy({ send: { channels: 3 }, when: (side, event) => metrics[side].observe(event) }),
  );
  assertMoved(played);
  const { sent, received, events } = played;
  assert.ok(
    sent.passes >= 2 && sent.passes === received.passes,
    `${sent.passes} and ${received.passes} passes`,
  );
  assert.deepEqual(
    sent.devices.map(({ idstr, instance, bytes }) => [idstr, instance, bytes]),
    [
      ['dev-0', 0, STATES[0]],
      ['dev-0', 1, STATES[1]],
      ['dev-1', 0, STATES[2]],
    ],
  );
  assert.ok(sent.devices.every(({ ms, loadMs }) => ms !== undefined && loadMs !== undefined));
  assert.deepEqual(
    sent.phases.map(({ phase }) => phase),
    ['connect', 'open', 'setup', 'pre-copy', 'switchover', 'loading', 'commit'],
  );
  const passes = events.filter(([side, { type }]) => side === 'source' && type === 'pass');
  assert.ok(passes.length >= 1);
  metrics.source.ended(sent);
  const text = metrics.source.text();
  assert.match(
    text,
    /^# TYPE ferry_transfer_bytes_total counter\nferry_transfer_bytes_total\{end="source"\} \d+$/m,
  );
  assert.match(text, /^ferry_transfer_phase\{end="source",phase="ended"\} 1$/m);
  assert.match(text, /^ferry_transfer_outcome\{end="source",outcome="completed"\} 1$/m);
  assert.match(
    text,
    /^ferry_transfer_device_load_seconds\{end="source",device="dev-0",instance="1"\} [\d.]+$/m,
  );
  assert.match(metrics.destination.text(), /^ferry_transfer_budget_bytes [1-9]\d+$/m);
  assert.match(metrics.destination.text(), /^ferry_transfer_channel_packets_total\{channel="2"\} \d+$/m);
});

const WAYS: readonly (readonly [string, Partial<SendOptions>])[] = [
  ['zlib, without checksums', { method: 'zlib', checksum: false, channels: 2 }],
  ['zstd, device state as well', { method: 'zstd', deviceMethod: 'zstd', channels: 2 }],
  ['pages of zeroes as they are', { zeroPages: false }],
];

for (const [what, send] of WAYS)
  test(`a machine arrives whole: ${what}`, async () => {
    using played = await play(busy({ send }));
    assertMoved(played);
  });

test('channels that break are replaced, wherever they are', async () => {
  const cuts = new Set(['setup', 'pre-copy', 'switchover', 'loading']);
  using played = await play(
    busy({
      send: { channels: 2 },
      when: (side, event, hand) => {
        if (side !== 'source' || event.type !== 'phase' || !cuts.delete(event.phase)) return;
        hand.relay.channel(event.phase === 'switchover' ? 1 : 0).cut();
      },
    }),
  );
  assertMoved(played);
  const resumed = played.events.filter(([, event]) => event.type === 'channel' && event.did === 'resumed');
  assert.ok(resumed.length >= 2, `${resumed.length} of the channels came back`);
});

test('a channel that breaks more often than is allowed ends the transfer', async () => {
  using played = await play(
    busy({
      send: { resumes: 1 },
      tap: ({ link, direction, name }) => {
        if (direction === 'forth' && name === 'head') link.cut();
      },
    }),
  );
  assertStayed(played);
  assert.deepEqual([played.sent.outcome, played.sent.code], ['failed', 'ERR_CHANNEL_LOST']);
});

/** A guest that writes to as much in each pass. */
const RESTLESS: MachineOptions['guest'] = (machine, pass) => {
  for (let page = 0; page < 900; page++) machine.write(0, page, `${pass}`);
};

for (const onStall of ['fail', 'force'] as const)
  test(`a machine that writes faster than it is sent: ${onStall}`, async () => {
    using played = await play({
      source: { guest: RESTLESS },
      send: { downtimeMs: 0, maxDowntimeMs: 0, precopyMs: 100, onStall },
    });
    if (onStall === 'force') {
      assertMoved(played);
      return;
    }
    const { sent, source } = played;
    assert.deepEqual([sent.outcome, sent.code, sent.machineAt], ['failed', 'ERR_NO_CONVERGENCE', 'source']);
    assert.deepEqual(source.history, ['unwatch'], 'it never stopped');
  });

test('a machine that does not fit is refused in words, and both ends are as they were', async () => {
  using played = await play({
    source: { states: [1, 1], lanes: sourceLanes },
    destination: { states: [1], lanes: destinationLanes, blocks: { ram: 8192, more: 4096 } },
  });
  assertStayed(played);
  const { sent, received, source, destination } = played;
  assert.deepEqual([source.history, destination.history], [[], []]);
  const why =
    'its memory block ram has 4194304 bytes, expected 8192; its memory block a/small one is not here; ' +
    'it has no memory block more; its device dev-0/1 is not here';
  assert.deepEqual([sent.outcome, sent.code, sent.from], ['failed', 'ERR_TRANSFER_REFUSED', 'peer']);
  assert.equal(sent.why, `The destination refuses the machine: ${why}`);
  assert.deepEqual([received.outcome, received.code], ['failed', 'ERR_TRANSFER_REFUSED']);
  assert.equal(received.why, `The machine of the source does not fit: ${why}`);
});

test('into a folder, and out of it', async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, 'saved');
  using source = new TestMachine({ states: STATES, lanes: sourceLanes, guest: BUSY });
  source.fill();
  const to = `file:${path}`;
  const saved = await sendMachine(source.asSource(), { to, channels: 2, timings: QUICK });
  assert.deepEqual([saved.outcome, saved.why, saved.machineAt], ['completed', undefined, 'folder']);
  assert.deepEqual(source.history, ['stop', 'release', 'unwatch']);
  assert.deepEqual(readdirSync(path).sort(), ['channel-000', 'channel-001', 'main']);
  using again = new TestMachine(source.options);
  const refused = await sendMachine(again.asSource(), { to, channels: 2, timings: QUICK });
  assert.deepEqual([refused.outcome, refused.machineAt], ['failed', 'source']);
  assert.equal(readdirSync(path).length, 3, 'what others saved stays');
  using destination = new TestMachine({ states: STATES, lanes: destinationLanes });
  const loaded = await receiveMachine(destination.asDestination(), { at: to, timings: QUICK });
  assert.deepEqual([loaded.outcome, loaded.why], ['completed', undefined]);
  assertSameMemory(source, destination);
  assert.deepEqual(destination.history, ['start']);
  for (const name of ['main', 'channel-001']) {
    const size = readFileSync(join(path, name)).length;
    truncateSync(join(path, name), size - 20);
    using half = new TestMachine({ states: STATES, lanes: destinationLanes });
    const cut = await receiveMachine(half.asDestination(), { at: to, timings: QUICK });
    assert.deepEqual([cut.outcome, cut.from], ['failed', 'here']);
    assert.ok(half.history.every((entry) => entry === 'discard'));
  }
});

test('over TLS, where both ends show certificates', async () => {
  using folder = temporaryFolder();
  const authority = new Authority(folder.path, 'authority');
  using source = new TestMachine({ states: STATES, lanes: sourceLanes, guest: BUSY });
  using destination = new TestMachine({ states: STATES, lanes: destinationLanes });
  source.fill();
  const listening = Promise.withResolvers<string>();
  const receiving = receiveMachine(destination.asDestination(), {
    at: 'ferry+tls:127.0.0.1:0',
    tls: authority.issue('destination', ['127.0.0.1']),
    timings: QUICK,
    onEvent: (event) => {
      if (event.type === 'listening') listening.resolve(event.uri);
    },
  });
  const to = await listening.promise;
  const tls = authority.issue('source', []);
  const sent = await sendMachine(source.asSource(), { to, tls, channels: 1, timings: QUICK });
  const received = await receiving;
  assertMoved({ sent, received, source, destination });
});

test('nothing is left in a folder when saving is cancelled', async () => {
  using folder = temporaryFolder();
  using source = new TestMachine({ states: STATES, lanes: sourceLanes, guest: BUSY });
  const cancel = new AbortController();
  const onEvent = (event: TransferEvent) => {
    if (enters(event, 'switchover')) cancel.abort();
  };
  const { signal } = cancel;
  const to = `file:${folder.path}`;
  const saved = await sendMachine(source.asSource(), { to, channels: 2, timings: QUICK, signal, onEvent });
  assert.deepEqual([saved.outcome, saved.machineAt], ['cancelled', 'source']);
  assert.deepEqual(source.history, ['stop', 'resume', 'unwatch']);
  assert.deepEqual(readdirSync(folder.path), []);
});
