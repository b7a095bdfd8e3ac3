/** Descriptions that are kept: asked once for each program file, and again once it has changed. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { programAt, programOf, QemuDescriptions, type QemuProgram } from '../../../src/qemu-compat/index.ts';

const FAKE = fileURLToPath(new URL('./fake-qemu.ts', import.meta.url));

test('a program is asked once, and again when its file has changed or could not be asked', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ferry-kept-'));
  try {
    const path = join(folder, 'qemu');
    await writeFile(path, '1');
    const program = (mode: string): QemuProgram => ({
      path,
      command: [process.execPath, FAKE, folder, mode],
      env: {},
    });
    const kept = new QemuDescriptions();
    const [first, same] = await Promise.all([kept.describe(program('')), kept.describe(program(''))]);
    assert.equal(await kept.describe(program('')), first);
    assert.equal(same, first);
    await writeFile(path, 'another');
    const changed = await kept.describe(program(''));
    assert.notEqual(changed, first);
    const [here, there] = await kept.describeBoth(program(''), program(''));
    assert.deepEqual([here, there], [changed, changed]);
    for (const _again of [1, 2])
      await assert.rejects(kept.describe(program('ends')), { code: 'ERR_QEMU_START' });
    await assert.rejects(kept.describeBoth(program(''), program('ends')), { code: 'ERR_QEMU_START' });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('what is no QEMU is not taken for one', async () => {
  assert.equal(await programOf(process.pid), undefined);
  assert.equal(await programOf(0x7fff_ffff), undefined);
  await assert.rejects(programAt('no-such-qemu'), { code: 'ERR_QEMU_START' });
  assert.deepEqual(await programAt(process.execPath), {
    path: process.execPath,
    command: [process.execPath],
    env: {},
  });
});
