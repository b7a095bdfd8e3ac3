/** `ferry compat find`, `choose` and `newer`: one device and many implementations. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { NIC } from '../../support/compat/nic.ts';
import { compat, Folder, json } from './support.ts';

const folder = new Folder();
after(() => folder[Symbol.dispose]());
const hosts = join(folder.path, 'hosts');
mkdirSync(hosts);

const { rss: _, ...older } = NIC.models['a.com/nic'].params;
folder.write('hosts/new.json', NIC);
folder.write('hosts/old.json', { models: { 'a.com/nic': { params: older } } });
folder.write('hosts/other.json', { models: { 'b.com/disk': { versions: ['1'] } } });
folder.write('hosts/broken.json', '{"models": ');
const MOVING = ['--model', 'a.com/nic', '--param', 'q=4'];

test('find: how many can, the best of them, and of each other why not; what cannot be read is said', async () => {
  const { status, stdout } = await compat('find', ...MOVING, '--param', 'rss=on', '--among', hosts);
  assert.equal(status, 0);
  const lines = stdout.split('\n');
  assert.equal(lines[0], 'yes: 1 of 3 destinations can take a.com/nic, best new');
  assert.match(lines[1] ?? '', /^ {2}yes {7}new$/);
  assert.match(stdout, /\n {2}no {8}old {4}The destination does not know rss\n/);
  assert.match(stdout, /\n {2}no {8}other {2}The destination offers b\.com\/disk, not a\.com\/nic\n/);
  assert.match(stdout, /\n1 member of the inventory cannot be read:\n {2}broken {2}.*line 1/);
  const document = await json('find', ...MOVING, '--param', 'rss=on', '--among', hosts);
  assert.deepEqual([document.yes, document.unproven, document.no, document.total], [1, 0, 2, 3]);
  assert.deepEqual(document.candidates[0]?.argv, ['--m-fmt=v1', '--m-q=4', '--m-ring=0', '--m-rss=on']);
  assert.deepEqual(
    document.unreadable.map(({ id }) => id),
    ['broken'],
  );
});

test('find: 3 when the best is unproven, 1 when none can, 2 when nothing can be looked at', async () => {
  assert.equal((await compat('find', ...MOVING, '--param', 'ring=512', '--among', hosts)).status, 3);
  assert.equal((await compat('find', ...MOVING, '--param', 'tso=on', '--among', hosts)).status, 1);
  const lines = [
    { id: 'a', labels: ['rack1'], info: NIC },
    { id: 'b', labels: ['rack2'], info: NIC },
  ];
  const inventory = folder.write('hosts.ndjson', lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  const { candidates } = await json('find', ...MOVING, '--among', inventory, '--label', 'rack2');
  assert.deepEqual(
    candidates.map(({ id }) => id),
    ['b'],
  );
  const none = await compat('find', ...MOVING, '--among', inventory, '--label', 'rack3');
  assert.deepEqual([none.status, none.stdout], [2, '']);
  assert.match(none.stderr, /holds no document with the label rack3 \(ERR_COMPAT_INVENTORY\)\n$/);
});

test('find: ten thousand destinations fit on a screen', async () => {
  const line = (at: number) =>
    `${JSON.stringify({ id: `host${at}`, info: at % 2 === 0 ? NIC : { models: {} } })}\n`;
  const inventory = folder.write(
    'many.ndjson',
    Array.from({ length: 10_000 }, (_one, at) => line(at)).join(''),
  );
  const { status, stdout } = await compat('find', ...MOVING, '--among', inventory);
  assert.equal(status, 0);
  assert.match(stdout, /^yes: 5000 of 10000 destinations can take/);
  assert.match(stdout, /\n {2}… 9980 more \(--all shows them\)\n$/);
});

test('choose: what all take, what was given up and for whom; as a list and as arguments', async () => {
  const words = ['--among', hosts, '--model', 'a.com/nic'];
  const { status, stdout } = await compat('choose', ...words);
  assert.equal(status, 0);
  assert.match(stdout, /^yes: 2 of 2 implementations of a\.com\/nic take this\n/);
  assert.match(stdout, /\n {2}rss=off +\S/);
  assert.match(stdout, /\n {2}given up {2}rss=off and not on: old lacks it\n/);
  assert.match(stdout, /\n {2}without this model: other\n/);
  const document = await json('choose', ...words);
  assert.deepEqual(document.values, { fmt: 'v2', q: '4', ring: '256', rss: 'off' });
  assert.deepEqual(document.givenUp[0]?.because, ['old']);

  const list = await compat('choose', ...words, '--as', 'list');
  assert.equal(list.stdout, 'a.com/nic\nfmt=v2\nq=4\nring=256\n');
  assert.match(list.stderr, /given up/);
  const chosen = folder.write('chosen.list', list.stdout);
  const everywhere = await json('find', '--from', chosen, '--among', hosts);
  assert.equal(everywhere.yes, 2);
  const argv = await compat('choose', ...words, '--as', 'argv');
  assert.deepEqual(argv.stdout.trimEnd().split('\n'), document.argv);
});

test('choose: where nothing suits all it says what is to blame, and prints no list', async () => {
  const q = (...values: number[]) => ({
    models: {
      'a.com/nic': { params: { q: { type: 'int', allowed_values: values, init_value: values[0] } } },
    },
  });
  const lines = [q(1, 2), q(2, 3), q(1, 3)].map((info, at) => `${JSON.stringify({ id: `h${at}`, info })}\n`);
  const inventory = folder.write('sparse.ndjson', lines.join(''));
  const { status, stdout } = await compat('choose', '--among', inventory);
  assert.equal(status, 1);
  assert.match(stdout, /^no: 2 of 3 implementations of a\.com\/nic take this\n/);
  assert.match(stdout, /q: no value suits all/);
  const document = await json('choose', '--among', inventory);
  assert.deepEqual(
    document.culprits.map(({ parameter, covered, total }) => [parameter, covered, total]),
    [['q', 2, 3]],
  );
  assert.equal((await compat('choose', '--among', inventory, '--as', 'list')).stdout, '');
  assert.equal((await compat('choose', '--among', inventory, '--at-least', '2')).status, 0);
  const several = await compat('choose', '--among', hosts);
  assert.equal(several.status, 2);
  assert.match(several.stderr, /2 device models, expected --model with one of/);
});

test('newer: more modern is what fewer take; it is told where lists cannot be compared', async () => {
  const list = (name: string, ...params: string[]) =>
    folder.write(name, ['a.com/nic', ...params, ''].join('\n'));
  const [plain, modern] = [list('plain.list', 'q=4'), list('modern.list', 'q=4', 'rss=on')];
  const yes = await compat('newer', modern, plain, '--among', hosts);
  assert.equal(yes.status, 0);
  assert.match(yes.stdout, /^yes: .*modern\.list is more modern than .*plain\.list\n/);
  assert.match(yes.stdout, /plain\.list: 2 of 3 implementations take it; only this one is taken by old\n/);
  const { order, answer, b } = await json('newer', plain, modern, '--among', hosts);
  assert.deepEqual([order, answer, b.support], ['older', 'no', ['new']]);
  assert.equal((await json('newer', plain, plain, '--among', hosts)).order, 'same');
  const alone = [
    {
      id: 'a',
      info: {
        models: { 'a.com/nic': { params: { q: { type: 'int', init_value: 16, allowed_values: [16] } } } },
      },
    },
    {
      id: 'b',
      info: {
        models: { 'a.com/nic': { params: { q: { type: 'int', init_value: 4, allowed_values: [4] } } } },
      },
    },
  ];
  const inventory = folder.write('alone.ndjson', alone.map((one) => `${JSON.stringify(one)}\n`).join(''));
  const apart = await compat('newer', list('a.list', 'q=16'), plain, '--among', inventory);
  assert.equal(apart.status, 3);
  assert.match(apart.stdout, /^unproven: .* cannot be compared\n/);
});

test('find: among the back ends that are installed here, by their descriptors', async (t) => {
  const { XDG_CONFIG_HOME } = process.env;
  t.after(() => {
    if (XDG_CONFIG_HOME === undefined) delete process.env.XDG_CONFIG_HOME;
    else process.env.XDG_CONFIG_HOME = XDG_CONFIG_HOME;
  });
  process.env.XDG_CONFIG_HOME = join(folder.path, 'config');
  mkdirSync(join(folder.path, 'config/qemu/vhost-user'), { recursive: true });
  const binary = folder.write('my-nic', `#!/bin/sh\nexec cat ${hosts}/new.json\n`);
  chmodSync(binary, 0o755);
  const describe = (name: string, type: string, program: string) =>
    folder.write(`config/qemu/vhost-user/${name}.json`, { description: name, type, binary: program });
  describe('90-test-nic', 'rpmsg', binary);
  describe('91-test-silent', 'rpmsg', '/bin/true');
  describe('92-test-other', 'gpu', binary);
  const { candidates, unreadable } = await json('find', ...MOVING, '--among', 'installed:rpmsg');
  assert.deepEqual(
    candidates.map(({ id, where, answer }) => [id, where, answer]),
    [['90-test-nic', binary, 'yes']],
  );
  assert.deepEqual(
    unreadable.map(({ id }) => id),
    ['91-test-silent'],
  );
  const unknown = await compat('find', ...MOVING, '--among', 'installed:toaster');
  assert.equal(unknown.status, 2);
  assert.match(unknown.stderr, /toaster is no type of back end, expected one of 9p, /);
});
