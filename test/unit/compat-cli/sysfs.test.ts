/** `ferry compat` on devices in sysfs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ApplyDocument, renderApply } from '../../../src/cli/compat/apply.ts';
import { NIC } from '../../support/compat/nic.ts';
import { Tree, UUID } from '../discover/sysfs-tree.ts';
import { compat, json } from './support.ts';

const NOW = { rss: 'on', q: '8', fmt: 'v2', ring: '256' };

test('what a device in sysfs has, and making another one the same', async () => {
  using tree = new Tree();
  tree.type('a-nic', { 'migration_info.json': JSON.stringify(NIC) });
  const source = tree.device(UUID, 'a-nic', NOW);
  const other = tree.device('11111111-1111-4111-8111-111111111111', 'a-nic', { ...NOW, q: '1', fmt: 'v1' });
  const { list, from } = await json('info', source);
  assert.deepEqual([from, list?.parameters], ['sysfs', { fmt: 'v2', q: '8', ring: '256', rss: 'on' }]);
  const { stdout } = await compat('info', source);
  assert.match(stdout, /\n {2}NOW +PARAMETER .*\n {2}v2 +fmt /);

  const words = ['--model', 'a.com/nic', '--param', 'q=16'];
  const applied = await json('apply', '--sysfs', other, ...words);
  assert.equal(applied.device, other);
  assert.deepEqual(
    applied.written.map(({ attribute, value }) => `${attribute}=${value}`),
    ['fmt=v1', 'q=16', 'ring=0', 'rss=off'],
  );
  assert.equal(tree.attribute(other, 'q'), '16');
  const same = await compat('apply', '--sysfs', other, '--from', source);
  assert.equal(same.status, 0);
  assert.match(same.stdout, /^yes: .* has the parameters of the source\n {2}fmt +v2\n/);
  assert.equal((await json('list', other)).list.digest, list?.digest);

  const no = await compat('apply', '--sysfs', other, '--model', 'a.com/nic', '--param', 'q=9');
  assert.equal(no.status, 1);
  assert.match(no.stdout, /^no: .*; nothing was written\n {2}no {8}The destination does not take q=9/);
  assert.equal(tree.attribute(other, 'q'), '8');

  const planned = tree.file('planned.json', JSON.stringify({ models: {} }));
  const changed = await compat('apply', '--sysfs', other, ...words, '--document', planned);
  assert.equal(changed.status, 2);
  assert.match(changed.stderr, /ERR_DISCOVER_CHANGED/);
  assert.equal(tree.attribute(other, 'q'), '8');
});

test('what a device refuses is told with what had been written', () => {
  const document: ApplyDocument = {
    answer: 'no',
    sysfs: '/sys/x',
    model: 'a.com/nic',
    device: null,
    created: false,
    written: [{ attribute: 'fmt', value: 'v1' }],
    reasons: [],
    refusal: {
      code: 'ERR_APPLY_REFUSED',
      message: 'q refuses 16: EBUSY',
      attribute: 'q',
      errno: 'EBUSY',
      state: { fmt: 'v1', q: '4' },
      removed: null,
    },
  };
  assert.equal(
    renderApply(document, { all: false }),
    'no: q refuses 16: EBUSY\n  Written before, and as it is now:\n  fmt  v1\n',
  );
  const removed = { ...document, refusal: document.refusal && { ...document.refusal, removed: true } };
  assert.equal(
    renderApply(removed, { all: false }),
    'no: q refuses 16: EBUSY\n  The device that had been made was removed again\n',
  );
});
