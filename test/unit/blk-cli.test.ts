/** `ferry serve blk` and its options. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

const FERRY = new URL('../../bin/ferry-blk', import.meta.url).pathname;

function ferry(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(FERRY, args, {
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
  });
  return { status, stdout, stderr };
}

test('it says what it can do, whatever else it is told', () => {
  const { status, stdout } = ferry('--print-capabilities', '--queues', 'many', '--strange');
  assert.equal(status, 0);
  assert.deepEqual(JSON.parse(stdout), { type: 'block', features: ['read-only', 'blk-file'] });
  const descriptor: unknown = JSON.parse(ferry('--print-descriptor').stdout);
  assert.ok(typeof descriptor === 'object' && descriptor !== null && 'binary' in descriptor);
  assert.equal(descriptor.binary, FERRY);
});

for (const [options, words] of [
  [['--socket-path', '/x'], /Exactly one of the options path and memory says what is served/],
  [['--socket-path', '/x', '--memory', 'lots'], /option '--memory': Found "lots"/],
  [['--socket-path', '/x', '--memory', '1M', '--queues', '65'], /Option queues is 65/],
] as const)
  test(`refused: ${options.join(' ')}`, () => {
    const { status, stderr } = ferry(...options);
    assert.equal(status, 2, stderr);
    assert.match(stderr, words);
  });

test('an image that is not there ends it before anybody can connect', () => {
  const { status, stderr } = ferry('--blk-file', '/nowhere/disk', '--socket-path', '/tmp/ferry-never.sock');
  assert.equal(status, 1);
  assert.match(stderr, /\/nowhere\/disk cannot be opened for reading and writing: ENOENT/);
});
