/**
 * A parameter list from end to end: what runs is asked what it has, three destinations are held against that, the one that
 * fits is started with the arguments that were printed, and has the same list.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { controlPath } from '../../../src/control/index.ts';
import { discover } from '../../../src/discover/index.ts';
import { capture, launchProcess, waitForSocket } from '../../../src/launch/index.ts';
import { compat, Folder, json } from '../../unit/compat-cli/support.ts';

const FERRY_FS = fileURLToPath(new URL('../../../bin/ferry-fs', import.meta.url));
const SMALL = ['--memory', '16M'];

/** A device that runs, and its control socket. */
async function served(folder: Folder, name: string, ...words: string[]) {
  const socket = join(folder.path, name);
  const device = await launchProcess({ command: [FERRY_FS, '--socket-path', socket, ...words], name });
  await waitForSocket(controlPath(socket), { child: device });
  return { control: controlPath(socket), [Symbol.asyncDispose]: () => device[Symbol.asyncDispose]() };
}

/** What the device said of itself before its state had formats. */
async function withoutFormats(): Promise<string> {
  const { text } = await discover([FERRY_FS, ...SMALL]);
  return JSON.stringify(JSON.parse(text), (name, value) =>
    name === 'state-format' || name === 'profiles' ? undefined : value,
  );
}

test('from the list on the source to a device at the destination that has the same', async () => {
  using folder = new Folder();
  await using source = await served(folder, 'source', ...SMALL);

  // The list on the source
  const { list } = await json('list', source.control);
  assert.equal(list.model, 'ferry.internal/virtio/fs');
  assert.equal(list.parameters['state-format'], '2');
  const saved = folder.write('saved.list', list.text);

  // The verdict on each destination
  const yes = await json('check', '--from', source.control, '--to', FERRY_FS, '--run-check', '--', ...SMALL);
  assert.equal(yes.answer, 'yes');
  const no = await json('check', '--from', saved, '--to', FERRY_FS, '--', '--memory', '32M');
  assert.deepEqual(
    no.destinations[0]?.reasons.map(({ code, parameter }) => [code, parameter]),
    [['value', 'memory']],
  );
  const old = folder.write('old.json', await withoutFormats());
  const older = await json('check', '--from', source.control, '--to', old);
  assert.deepEqual(older.destinations[0]?.wayOut, [{ parameter: 'state-format', value: '1', live: true }]);
  const unfit = await compat('check', '--from', source.control, '--to', old);
  assert.match(unfit.stdout, /a way out: ferry compat set --control SOCKET state-format=1\n/);

  // The command line for the one that was chosen, and the device
  const { argv } = await json('argv', '--from', saved, '--to', FERRY_FS, '--', ...SMALL);
  await using destination = await served(folder, 'destination', ...SMALL, ...(argv ?? []));
  const arrived = await json('list', destination.control);
  assert.equal(arrived.list.digest, list.digest);
  assert.equal(arrived.list.text, list.text);

  // What the destination does not take, it is not started with
  const elsewhere = ['--socket-path', join(folder.path, 'elsewhere'), '--memory', '32M', ...(argv ?? [])];
  const refused = await capture([FERRY_FS, ...elsewhere], { deadline: 20_000 });
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /--m-memory: found 16777216, expected 33554432/);

  // The way out, on the device that runs
  const switched = await json('set', 'state-format=1', '--control', source.control);
  assert.equal(switched.answer, 'yes');
  assert.equal((await json('check', '--from', source.control, '--to', old)).answer, 'yes');
  const kept = await json('set', 'memory=1', '--control', source.control);
  assert.equal(kept.refusal?.code, 'ERR_PARAMETERS_REFUSED');
  assert.deepEqual(kept.list, switched.list);
});
