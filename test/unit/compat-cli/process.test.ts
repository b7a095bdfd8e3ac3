/** `ferry compat` as a process: exit codes, colours, and a reader that goes away. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { NIC } from '../../support/compat/nic.ts';
import { Folder } from './support.ts';

const FERRY = new URL('../../../bin/ferry', import.meta.url).pathname;

const folder = new Folder();
after(() => folder[Symbol.dispose]());
const nic = folder.write('nic.json', NIC);
const CHECK = ['compat', 'check', '--model', 'a.com/nic', '--to', nic, '--param'];

test('the verdict is the exit code; colours are for terminals, or where they are asked for', () => {
  const { FORCE_COLOR: _force, NO_COLOR: _no, ...env } = process.env;
  const plain = spawnSync(FERRY, [...CHECK, 'q=9'], { encoding: 'utf8', env });
  assert.equal(plain.status, 1);
  assert.match(plain.stdout, /^no: /);
  const colours = spawnSync(FERRY, [...CHECK, 'q=4'], {
    encoding: 'utf8',
    env: { ...env, FORCE_COLOR: '1' },
  });
  assert.equal(colours.status, 0);
  assert.ok(colours.stdout.startsWith('\u001b[32myes\u001b[39m: '), colours.stdout);
});

test('`--version` after a command belongs to the command', () => {
  const versioned = folder.write('v.json', { models: { 'a.com/v': { versions: ['1', '2'] } } });
  const words = ['compat', 'check', '--model', 'a.com/v', '--version', '2', '--to', versioned];
  const { status, stdout } = spawnSync(FERRY, words, { encoding: 'utf8' });
  assert.equal(stdout.split(':')[0], 'yes');
  assert.equal(status, 0);
});

test('a reader that goes away changes no answer and is no error', async () => {
  const lines = Array.from(
    { length: 3_000 },
    (_, at) => `${JSON.stringify({ id: `host${at}`, info: NIC })}\n`,
  );
  const inventory = folder.write('many.ndjson', lines.join(''));
  const words = ['compat', 'find', '--model', 'a.com/nic', '--param', 'q=9', '--among', inventory, '--json'];
  const child = spawn(FERRY, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  const said: string[] = [];
  child.stderr.setEncoding('utf8').on('data', (text: string) => said.push(text));
  child.stdout.once('data', () => child.stdout.destroy());
  const [code] = await once(child, 'close');
  assert.deepEqual([code, said], [1, []]);
});
