/** Programs that are no QEMU: each ends in a named error within its time, and nothing is left running. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { compareQemus, describeQemu, type QemuProgram } from '../../../src/qemu-compat/index.ts';

const FAKE = fileURLToPath(new URL('./fake-qemu.ts', import.meta.url));

async function ask<T>(mode: string, work: (program: QemuProgram) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'ferry-fake-'));
  try {
    return await work({ path: FAKE, command: [process.execPath, FAKE, folder, mode], env: {} });
  } finally {
    const running = (await readdir(folder)).filter((pid) => isRunning(Number(pid)));
    await rm(folder, { recursive: true });
    assert.deepEqual(running, [], 'left running');
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const HOSTILE: readonly { mode: string; code: string; says: RegExp; timeoutMs?: number }[] = [
  { mode: 'ends', code: 'ERR_QEMU_START', says: /exit code 1.*\n.*no such option/ },
  { mode: 'no-monitor', code: 'ERR_QEMU_SILENT', says: /did not answer in time/, timeoutMs: 1500 },
  { mode: 'floods', code: 'ERR_QEMU_SILENT', says: /did not answer in time/, timeoutMs: 1500 },
  { mode: 'silent', code: 'ERR_QEMU_SILENT', says: /did not answer in time/, timeoutMs: 1500 },
  { mode: 'deaf', code: 'ERR_QEMU_SILENT', says: /did not answer in time/, timeoutMs: 1500 },
  { mode: 'dump-hangs', code: 'ERR_QEMU_SILENT', says: /did not answer in time/, timeoutMs: 1500 },
  { mode: 'rubbish', code: 'ERR_QEMU_ANSWER', says: /cannot be asked|unlike any QEMU/ },
  { mode: 'endless', code: 'ERR_QEMU_ANSWER', says: /8388608|8 ?MiB|longer/ },
  { mode: 'closes', code: 'ERR_QEMU_START', says: /exit code 0/ },
  { mode: 'shapes', code: 'ERR_QEMU_ANSWER', says: /query-target\.arch: a number where a string belongs/ },
  { mode: 'many-machines', code: 'ERR_QEMU_ANSWER', says: /1025 machine types, at most 1024/ },
  { mode: 'many-cpus', code: 'ERR_QEMU_ANSWER', says: /2049 CPU models, at most 2048/ },
  { mode: 'many-properties', code: 'ERR_QEMU_ANSWER', says: /more than 524288 properties/ },
  { mode: 'deep', code: 'ERR_QEMU_ANSWER', says: /more than 16 deep/ },
  { mode: 'dump-missing', code: 'ERR_QEMU_START', says: /no vmstate dump/ },
  { mode: 'dump-huge', code: 'ERR_QEMU_ANSWER', says: /17825792 bytes, at most 16777216/ },
  { mode: 'dump-rubbish', code: 'ERR_QEMU_ANSWER', says: /JSON/ },
];

// Most of them wait
describe('programs that are no QEMU', { concurrency: 4 }, () => {
  for (const { mode, code, says, timeoutMs } of HOSTILE)
    it(`a program that ${mode}: ${code}`, () =>
      ask(mode, (program) =>
        assert.rejects(
          describeQemu(program, timeoutMs === undefined ? {} : { timeoutMs }),
          (error: Error & { code?: string }) => {
            assert.equal(error.code, code, error.message);
            assert.match(error.message, says);
            return true;
          },
        ),
      ));
});

test('a QEMU with nothing to tell can be compared, also when its types go in circles', () =>
  ask('loop', async (program) => {
    const nothing = await describeQemu(program);
    assert.deepEqual(compareQemus(nothing, nothing), {
      answer: 'yes',
      source: { path: FAKE, version: '99.0.0', package: '' },
      destination: { path: FAKE, version: '99.0.0', package: '' },
      machines: [],
      reasons: [],
    });
  }));

test('a caller that gives up hears its own reason', () =>
  ask('silent', async (program) => {
    const reason = new Error('enough');
    const abort = new AbortController();
    const asked = describeQemu(program, { signal: abort.signal });
    setTimeout(() => abort.abort(reason), 50);
    await assert.rejects(asked, reason);
  }));

test('a program that is not there', () =>
  assert.rejects(describeQemu({ path: '/none', command: ['/none/qemu'], env: {} }), {
    code: 'ERR_QEMU_START',
  }));
