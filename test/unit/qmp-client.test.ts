import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DecodeError } from '../../src/errors.ts';
import {
  QmpClient,
  QmpClosedError,
  QmpCommandError,
  QmpConnectError,
  QmpEventOverflowError,
  QmpProtocolError,
  QmpUnansweredError,
} from '../../src/qmp/index.ts';
import { liveResources } from '../../src/sys/index.ts';
import { GREETING, type PeerScript, ScriptedMonitor } from './qmp-peer.ts';

async function pair(script: PeerScript = {}, limits = {}) {
  const monitor = await ScriptedMonitor.listen(script);
  try {
    const client = await QmpClient.connect(monitor.path, { limits: { connectMs: 1000, ...limits } });
    return {
      monitor,
      client,
      async [Symbol.asyncDispose]() {
        await client[Symbol.asyncDispose]();
        await monitor[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await monitor[Symbol.asyncDispose]();
    throw error;
  }
}

test('greeting, capabilities, a command and its decoded result', async () => {
  await using peers = await pair({
    onCommand: (command) => command.answer({ status: 'running', running: true, 'new-in-qemu-12': [1] }),
  });
  assert.deepEqual(peers.client.greeting.version.qemu, { major: 10, minor: 0, micro: 1 });
  assert.equal(peers.client.peer?.pid, process.pid);
  assert.deepEqual(await peers.client.execute('query-status'), { status: 'running', running: true });
});

test('answers are matched by id, whatever their order', async () => {
  await using peers = await pair({
    onCommand: (_, monitor) => {
      if (monitor.received.length === 2)
        for (const one of monitor.received.toReversed()) one.answer({ name: one.name });
    },
  });
  const [name, uuid] = await Promise.all([
    peers.client.execute('query-name'),
    peers.client.execute('query-uuid').catch((error: unknown) => error),
  ]);
  assert.deepEqual(name, { name: 'query-name' });
  assert.ok(uuid instanceof DecodeError);
  assert.match(uuid.message, /query-uuid\.UUID: nothing where a string belongs/);
});

test("QEMU's refusal keeps its words and the connection", async () => {
  await using peers = await pair({
    onCommand: (command) => (command.name === 'cont' ? command.refuse('not now') : command.answer({})),
  });
  await assert.rejects(peers.client.execute('cont'), (error: unknown) => {
    assert.ok(error instanceof QmpCommandError);
    assert.equal(error.message, 'QEMU refused cont: not now');
    return true;
  });
  await peers.client.execute('stop');
});

test('out-of-band commands overtake a full queue', async () => {
  await using peers = await pair(
    {
      onCommand: (command) => {
        if (command.outOfBand) command.answer({});
      },
    },
    { inFlight: 2 },
  );
  const stuck = Array.from({ length: 5 }, () => peers.client.execute('stop', {}, { deadlineMs: 200 }));
  await peers.client.executeOutOfBand('yank', { instances: [{ type: 'migration' }] });
  assert.equal(peers.monitor.received.filter(({ name }) => name === 'stop').length, 2);
  const outcomes = await Promise.allSettled(stuck);
  const sent = outcomes.map((one) => one.status === 'rejected' && (one.reason as QmpUnansweredError).sent);
  assert.deepEqual(sent, [true, true, false, false, false]);
});

test('a command without an answer ends at its deadline or signal; a late answer does no harm', async () => {
  await using peers = await pair({
    onCommand: (command, monitor) => {
      if (command.name === 'query-name') {
        monitor.received[0]?.answer({});
        monitor.received[1]?.answer({});
        command.answer({ name: 'vm' });
      }
    },
  });
  await assert.rejects(
    peers.client.execute('cont', {}, { deadlineMs: 30 }),
    (error: unknown) =>
      error instanceof QmpUnansweredError && error.code === 'ERR_QMP_DEADLINE' && error.sent,
  );
  const abort = new AbortController();
  const second = peers.client.execute('stop', {}, { signal: abort.signal });
  abort.abort();
  await assert.rejects(
    second,
    (error: unknown) => error instanceof QmpUnansweredError && error.why === 'aborted',
  );
  assert.deepEqual(await peers.client.execute('query-name'), { name: 'vm' });
  const before = new AbortController();
  before.abort();
  await assert.rejects(
    peers.client.execute('stop', {}, { signal: before.signal }),
    (error: unknown) => error instanceof QmpUnansweredError && !error.sent,
  );
});

test('a peer that never answers costs a bounded number of commands', async () => {
  await using peers = await pair({}, { inFlight: 8, abandoned: 3, commandMs: 20 });
  const outcomes = await Promise.allSettled(Array.from({ length: 4 }, () => peers.client.execute('stop')));
  assert.ok(outcomes.every(({ status }) => status === 'rejected'));
  const why = await peers.client.closed;
  assert.ok(why instanceof QmpProtocolError);
  assert.match(why.message, /More than 3 commands were never answered/);
});

for (const { what, says, expected } of [
  { what: 'no JSON', says: 'help me\n', expected: /Found "help me" where a QMP message was expected/ },
  { what: 'an unknown id', says: '{"return": {}, "id": "x9"}\n', expected: /"x9", which was never asked/ },
  {
    what: 'an id of another type',
    says: '{"return": {}, "id": 1}\n',
    expected: /for 1, which was never asked/,
  },
  { what: 'no return', says: '{"id": "f2"}\n', expected: /none of return, error and event/ },
  {
    what: 'return and error',
    says: '{"return":1,"error":{"class":"a","desc":"b"}}\n',
    expected: /return and error/,
  },
  {
    what: 'an error without an id',
    says: '{"error":{"class":"G","desc":"bad JSON"}}\n',
    expected: /could not read what was sent: bad JSON/,
  },
  {
    what: 'an error without words',
    says: '{"error":{"class":"G"}}\n',
    expected: /error\.desc: nothing where a string/,
  },
  { what: 'an array', says: '[]\n', expected: /an array where an object belongs/ },
  { what: 'a line without end', says: 'x'.repeat(5000), expected: /more than 4096 bytes/ },
  { what: 'a long line', says: `{"a": "${'x'.repeat(5000)}"}\n`, expected: /more than 4096 bytes/ },
  {
    what: 'bytes that are not UTF-8',
    says: Buffer.from([0x22, 0xc3, 0x28, 0x22, 0x0a]),
    expected: /not UTF-8/,
  },
]) {
  test(`a monitor that says ${what} loses the connection and every command hears why`, async () => {
    await using peers = await pair({ onCommand: (_, monitor) => monitor.say(says) }, { lineBytes: 4096 });
    await assert.rejects(peers.client.execute('query-status'), (error: unknown) => {
      assert.ok(error instanceof QmpUnansweredError, String(error));
      assert.equal(error.why, 'closed');
      assert.match(error.message, expected);
      return true;
    });
    assert.match((await peers.client.closed).message, expected);
    await assert.rejects(
      peers.client.execute('query-status'),
      (error: unknown) => error instanceof QmpUnansweredError && !error.sent,
    );
  });
}

test('the end of the stream in the middle of a line is named', async () => {
  await using peers = await pair({
    onCommand: (_, monitor) => {
      monitor.say('{"return": {"sta');
      monitor.hangUp();
    },
  });
  await assert.rejects(peers.client.execute('query-status'), /in the middle of a line; it was sent/);
});

test('a line may arrive byte by byte', async () => {
  await using peers = await pair({
    onCommand: (command, monitor) => {
      const line = Buffer.from(`${JSON.stringify({ return: { name: 'größe' }, id: command.id })}\n`);
      for (const byte of line) monitor.say(Buffer.of(byte));
    },
  });
  assert.deepEqual(await peers.client.execute('query-name'), { name: 'größe' });
});

test('bad greetings, silence and nobody listening are told apart', async () => {
  await assert.rejects(
    pair({ greeting: 'SSH-2.0-OpenSSH_9.9\n' }),
    /"SSH-2.0-OpenSSH_9.9" where a QMP greeting/,
  );
  await assert.rejects(pair({ greeting: '{"return": {}}\n' }), /QMP: nothing where an object/);
  await assert.rejects(pair({ greeting: '{\n' }), QmpProtocolError);
  await assert.rejects(pair({ greeting: '' }, { connectMs: 50 }), (error: unknown) => {
    assert.ok(error instanceof QmpConnectError);
    assert.match(error.message, /sent no greeting within 50 ms/);
    return true;
  });
  await assert.rejects(
    QmpClient.connect('/nonexistent/monitor'),
    /No monitor at \/nonexistent\/monitor: .*ENOENT/,
  );
  await assert.rejects(QmpClient.connect('tcp:192.0.2.1:4444'), /not on this host/);
  await assert.rejects(QmpClient.connect('monitor'), /no monitor address/);
  await assert.rejects(
    QmpClient.connect('/nonexistent/monitor', { signal: AbortSignal.abort(new Error('enough')) }),
    /enough/,
  );
});

test('events are decoded, filtered by name, and end with the connection', async () => {
  await using peers = await pair({
    onCommand: (command, monitor) => {
      monitor.event('RESET', { guest: false, reason: 'host-qmp-system-reset' });
      monitor.event('MIGRATION', { status: 'setup' });
      monitor.event('MIGRATION', { status: 'invented-later' });
      command.answer({});
      monitor.hangUp();
    },
  });
  using events = peers.client.events(['MIGRATION']);
  await peers.client.execute('stop');
  const seen: string[] = [];
  await assert.rejects(async () => {
    for await (const event of events) seen.push(event.data.status);
  }, QmpClosedError);
  assert.deepEqual(seen, ['setup', 'invented-later']);
});

test('an event with the wrong contents fails its subscription alone', async () => {
  await using peers = await pair({
    onCommand: (command, monitor) => {
      monitor.event('MIGRATION', { status: 7 });
      command.answer({});
    },
  });
  using events = peers.client.events(['MIGRATION']);
  using others = peers.client.events(['STOP']);
  await peers.client.execute('stop');
  await assert.rejects(events.next(), DecodeError);
  peers.monitor.event('STOP');
  assert.equal((await others.next()).value?.name, 'STOP');
});

test('a reader that is too slow gets what was kept, then the overflow', async () => {
  await using peers = await pair({
    onCommand: (command, monitor) => {
      for (let pass = 1; pass <= 5; pass++) monitor.event('MIGRATION_PASS', { pass });
      command.answer({});
    },
  });
  using events = peers.client.events(['MIGRATION_PASS'], 3);
  await peers.client.execute('stop');
  const passes: number[] = [];
  await assert.rejects(async () => {
    for await (const event of events) passes.push(event.data.pass);
  }, QmpEventOverflowError);
  assert.deepEqual(passes, [1, 2, 3]);
});

test('nothing is left open', async () => {
  const before = liveResources().length;
  const monitor = await ScriptedMonitor.listen();
  const client = await QmpClient.connect(monitor.path);
  const waiting = client.execute('stop');
  await client[Symbol.asyncDispose]();
  await client[Symbol.asyncDispose]();
  await assert.rejects(waiting, QmpUnansweredError);
  await monitor[Symbol.asyncDispose]();
  assert.equal(liveResources().length, before);
  assert.ok(GREETING.QMP.capabilities.includes('oob'));
});
