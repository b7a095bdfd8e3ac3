/** What a client says that shares no code with Ferry: it negotiates, does I/O, moves a state, and is hostile. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launchProcess } from '../../../src/launch/index.ts';
import { ServedDevice } from '../served-device.ts';
import { cachedPython } from './python.ts';

const CLIENT = fileURLToPath(new URL('./client.py', import.meta.url));
/** What `client.py` has to get through: well-behaved steps, refused requests, lost connections. */
const STEPS = 8 + 30 + 4;

test('a client in another language finds everything as the specification has it', async (t) => {
  const { command, env } = await cachedPython();
  await using served = await ServedDevice.launch(() => ['fs', '--memory', '16M', '--tag', 'python']);
  const lines: string[] = [];
  await using client = await launchProcess({
    name: 'client.py',
    command: [...command, CLIENT, served.path, String(served.process.pid)],
    env,
    onLine: (line) => lines.push(line),
  });
  const { code } = await client.ended(120_000);
  assert.equal(code, 0, client.tail);
  assert.equal(lines.at(-1), 'done');
  const held = lines.filter((line) => line.startsWith('ok '));
  assert.equal(held.length, STEPS);
  t.diagnostic(`${held.length} steps`);
  assert.equal(served.process.exit, undefined);
});
