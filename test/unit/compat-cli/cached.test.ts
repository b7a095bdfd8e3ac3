/** `ferry compat --cached`: what a program said before is taken for an answer, never for a command line. */
import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { NIC } from '../../support/compat/nic.ts';
import { compat, Folder } from './support.ts';

const folder = new Folder();
const { FERRY_CACHE } = process.env;
process.env.FERRY_CACHE = folder.path;
after(() => {
  if (FERRY_CACHE === undefined) delete process.env.FERRY_CACHE;
  else process.env.FERRY_CACHE = FERRY_CACHE;
  folder[Symbol.dispose]();
});

const document = folder.write('nic.json', NIC);
const program = folder.write('nic', `#!/bin/sh\nexec cat '${document}'\n`);
chmodSync(program, 0o755);

test('an answer may rest on what was read before; arguments do not, and say when it has changed', async () => {
  const check = (...words: string[]) =>
    compat('check', '--model', 'a.com/nic', '--param', 'q=16', '--to', program, ...words);
  const argv = () => compat('argv', '--model', 'a.com/nic', '--param', 'q=16', '--to', program, '--cached');
  assert.equal((await check('--cached')).status, 0);
  const narrower = JSON.stringify(NIC).replace('["1-8",16]', '["1-8"]');
  assert.notEqual(narrower, JSON.stringify(NIC));
  writeFileSync(document, narrower);
  assert.equal((await check('--cached')).status, 0);
  assert.equal((await check()).status, 1);

  const changed = await argv();
  assert.deepEqual([changed.status, changed.stdout], [2, '']);
  assert.match(changed.stderr, /says something else than before: check again \(ERR_COMPAT_CHANGED\)/);
  assert.equal((await check('--cached')).status, 1);
  assert.equal((await argv()).status, 1);
});
