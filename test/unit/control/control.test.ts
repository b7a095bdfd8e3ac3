import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer, connect as netConnect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  ControlClient,
  ControlServer,
  type ControlTarget,
  type DeviceReport,
  type MigrationDetails,
} from '../../../src/control/index.ts';
import { FerryError } from '../../../src/errors.ts';

const report: DeviceReport = {
  device: 'toy',
  stateVersion: 1,
  features: '0x1',
  protocolFeatures: ['DEVICE_STATE'],
  negotiated: { features: '0x1', protocolFeatures: [] },
  lifecycle: 'stop',
  owner: true,
  ringsRunning: 0,
  epoch: null,
  lastTransfer: {
    direction: 'save',
    outcome: 'failed',
    bytes: 1,
    records: 2,
    milliseconds: 3,
    reason: 'why',
  },
  migration: null,
};

const details: MigrationDetails = {
  model: 'a.com/toy',
  list: 'a.com/toy\nq=4\n',
  digest: '0'.repeat(64),
  frozen: false,
  info: '{"models":{"a.com/toy":{}}}',
};

const about = { program: 'test', version: '7' };

function target(changes: Partial<ControlTarget> = {}): ControlTarget {
  return {
    status: async () => report,
    abortTransfer: async () => true,
    fence: async () => undefined,
    release: async () => false,
    resize: async () => 4096,
    migrationInfo: async () => details,
    setParameter: async () => details,
    freeze: async () => undefined,
    thaw: async () => true,
    ...changes,
  };
}

async function served(act: (path: string) => Promise<void>, changes?: Partial<ControlTarget>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'ferry-control-'));
  const path = join(folder, 'toy.ctl');
  try {
    await using _server = await ControlServer.listen(path, target(changes), about);
    await act(path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Everything that comes back for `bytes`, until the server hangs up or says nothing for a moment after an answer. */
async function exchange(path: string, bytes: string | Buffer, answers: number): Promise<unknown[]> {
  const socket = netConnect(path);
  socket.write(bytes);
  let text = '';
  for await (const chunk of socket) {
    text += String(chunk);
    if (text.split('\n').length > answers) break;
  }
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

const line = (message: object) => `${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`;

test('status, abort, fence, release and resize', () =>
  served(
    async (path) => {
      await using client = await ControlClient.connect(path);
      assert.deepEqual(await client.status(), { ...report, ...about });
      assert.equal(await client.abortTransfer('tired'), true);
      await client.fence(5);
      assert.equal(await client.release(), false);
      assert.equal(await client.resize(), 4096);
      assert.equal(statSync(path).mode & 0o777, 0o600);
    },
    {
      abortTransfer: async (reason) => reason === 'tired',
      fence: async (epoch) => assert.equal(epoch, 5),
    },
  ));

test('migration parameters: what there is, one that is set, a freeze and a thaw', () => {
  const told: unknown[] = [];
  return served(
    async (path) => {
      await using client = await ControlClient.connect(path);
      assert.deepEqual(await client.migrationInfo(), details);
      assert.deepEqual(await client.setParameter('q', '5'), { ...details, frozen: true });
      await client.freeze(details.digest, 1.5);
      assert.equal(await client.thaw(), true);
      assert.deepEqual(told, [
        ['q', '5'],
        [details.digest, 1.5],
      ]);
    },
    {
      setParameter: async (...given) => {
        told.push(given);
        return { ...details, frozen: true };
      },
      freeze: async (...given) => void told.push(given),
    },
  );
});

test('a status without migration parameters is that of an older program', () => {
  const { migration: _migration, ...older } = report;
  return served(
    async (path) => {
      await using client = await ControlClient.connect(path);
      assert.equal((await client.status()).migration, null);
    },
    { status: async () => older as DeviceReport },
  );
});

test('what the device refuses comes back with its code and words', () =>
  served(
    async (path) => {
      await using client = await ControlClient.connect(path);
      await assert.rejects(client.fence(1), { code: 'ERR_NOT_SUSPENDED', message: 'It runs' });
    },
    {
      fence: async () => {
        throw new FerryError('ERR_NOT_SUSPENDED', 'It runs');
      },
    },
  ));

test('questions one after the other in one piece are answered in order', () =>
  served(async (path) => {
    const questions = [1, 'two', 3].map((id) => line({ id, method: 'release' })).join('');
    const answers = await exchange(path, questions, 3);
    assert.deepEqual(
      answers.map((answer) => Reflect.get(Object(answer), 'id')),
      [1, 'two', 3],
    );
  }));

for (const [name, message, code] of [
  ['no JSON', 'status\n', -32_700],
  ['an empty line', '\n', -32_700],
  ['an array', '[]\n', -32_600],
  ['another version', '{"jsonrpc":"1.0","id":1,"method":"status"}\n', -32_600],
  ['no id', line({ method: 'status' }), -32_600],
  ['an id of another kind', line({ id: {}, method: 'status' }), -32_600],
  ['params that are no object', line({ id: 1, method: 'status', params: [1] }), -32_600],
  ['a method that is not there', line({ id: 1, method: '__proto__' }), -32_601],
  ['no epoch', line({ id: 1, method: 'fence' }), -32_602],
  ['an epoch of zero', line({ id: 1, method: 'fence', params: { epoch: 0 } }), -32_602],
  ['half an epoch', line({ id: 1, method: 'fence', params: { epoch: 1.5 } }), -32_602],
  ['a reason that is none', line({ id: 1, method: 'abort-transfer', params: { reason: 1 } }), -32_602],
  ['a name that is none', line({ id: 1, method: 'set-parameter', params: { name: 1, value: '1' } }), -32_602],
  ['a digest that is none', line({ id: 1, method: 'freeze', params: { digest: '', seconds: 1 } }), -32_602],
  [
    'a freeze for ever',
    line({ id: 1, method: 'freeze', params: { digest: '0'.repeat(64), seconds: 1e9 } }),
    -32_602,
  ],
  [
    'a reason that goes on',
    line({ id: 1, method: 'abort-transfer', params: { reason: 'x'.repeat(501) } }),
    -32_602,
  ],
] as const)
  test(`${name} is refused with ${code}, and the connection serves on`, () =>
    served(async (path) => {
      const answers = await exchange(path, message + line({ id: 9, method: 'release' }), 2);
      const [refusal, answer] = answers.map((one) => Object(one));
      assert.equal(refusal.error.code, code);
      assert.deepEqual(answer, { jsonrpc: '2.0', id: 9, result: { released: false } });
    }));

for (const [name, bytes] of [
  ['a line without end', Buffer.alloc(70_000, 'x')],
  ['bytes that are no text', Buffer.from([0xff, 0xfe, 0x0a])],
  ['more questions than anybody has', Buffer.from(line({ id: 1, method: 'status' }).repeat(33))],
] as const)
  test(`${name}: the connection ends, others are served`, () =>
    served(async (path) => {
      await using other = await ControlClient.connect(path);
      const answers = await exchange(path, bytes, 100);
      assert.ok(answers.length < 33);
      assert.equal((await other.status()).device, 'toy');
    }));

test('a question that is never answered ends with the deadline or the signal', () =>
  served(
    async (path) => {
      await using client = await ControlClient.connect(path);
      await assert.rejects(client.status({ deadline: 30 }), { code: 'ERR_DEADLINE' });
      const aborted = new AbortController();
      const asked = client.status({ signal: aborted.signal });
      aborted.abort(new FerryError('ERR_TEST', 'enough'));
      await assert.rejects(asked, { code: 'ERR_TEST' });
    },
    { status: () => new Promise(() => undefined) },
  ));

test('a server that goes away ends questions that wait', async () => {
  const arrived = Promise.withResolvers<void>();
  const folder = mkdtempSync(join(tmpdir(), 'ferry-control-'));
  const path = join(folder, 'toy.ctl');
  const status = () => {
    arrived.resolve();
    return new Promise<DeviceReport>(() => undefined);
  };
  const server = await ControlServer.listen(path, target({ status }), about);
  await using client = await ControlClient.connect(path);
  const asked = assert.rejects(client.status(), { code: 'ERR_CONTROL_CLOSED' });
  await arrived.promise;
  await server[Symbol.asyncDispose]();
  await asked;
  assert.ok(!existsSync(path));
  await assert.rejects(ControlClient.connect(path), { code: 'ERR_CONTROL_CONNECT' });
  rmSync(folder, { recursive: true });
});

for (const [name, answer] of [
  ['no JSON', 'hello\n'],
  ['no answer', '{"jsonrpc":"2.0","id":1,"error":"no"}\n'],
  ['a status without its fields', '{"jsonrpc":"2.0","id":1,"result":{}}\n'],
  ['a status with a wrong field', line({ id: 1, result: { ...report, ...about, ringsRunning: 'none' } })],
] as const)
  test(`a server that answers with ${name} is refused`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ferry-control-'));
    const path = join(folder, 'toy.ctl');
    const server = createServer((socket: Socket) => socket.on('data', () => socket.write(answer)));
    server.listen(path);
    await once(server, 'listening');
    try {
      await using client = await ControlClient.connect(path);
      await assert.rejects(client.status(), { code: 'ERR_CONTROL_MESSAGE' });
    } finally {
      server.close();
      rmSync(folder, { recursive: true });
    }
  });

test('a socket that a dead process left is replaced, one that is in use is not', () =>
  served(async (path) => {
    await assert.rejects(ControlServer.listen(path, target(), about), { code: 'ERR_SOCKET_IN_USE' });
    await using client = await ControlClient.connect(path);
    assert.equal((await client.status()).program, 'test');
  }));

test('another user is turned away, even where the socket lets it in', async (t) => {
  if (process.geteuid?.() !== 0) {
    t.skip('only root can become another user');
    return;
  }
  await served(async (path) => {
    chmodSync(join(path, '..'), 0o755);
    chmodSync(path, 0o666);
    const ask = `require('node:net').connect(process.argv[1]).on('connect', function () {
      this.write(process.argv[2]);
    }).on('data', (text) => process.stdout.write(text)).on('error', () => {})`;
    const child = spawn(process.execPath, ['-e', ask, path, line({ id: 1, method: 'status' })], {
      uid: 65_534,
      gid: 65_534,
      cwd: '/',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let said = '';
    child.stdout.on('data', (text) => {
      said += String(text);
    });
    const [code] = await once(child, 'close');
    assert.deepEqual([code, said], [0, '']);
  });
});
