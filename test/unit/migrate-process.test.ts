import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { hasEnded, identifyQemu } from '../../src/migrate/process.ts';

/** Run a copy of `cat` under the name `program` for as long as `use` takes. */
async function running(program: string, use: (child: ChildProcess) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'ferry-process-'));
  try {
    await copyFile('/bin/cat', join(folder, program));
    const child = spawn(join(folder, program), { stdio: ['pipe', 'pipe', 'inherit'] });
    child.stdin!.write('x');
    await once(child.stdout!, 'data');
    try {
      await use(child);
    } finally {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test('a process that is called QEMU is told apart from later ones, and its end is seen', () =>
  running('qemu-system-x86_64', async (child) => {
    const identity = await identifyQemu(child.pid!);
    assert.equal(identity?.pid, child.pid);
    assert.equal(await hasEnded(identity!), false);
    assert.equal(
      await hasEnded({ ...identity!, startTime: '1' }),
      true,
      'the number went to another process',
    );
    child.kill('SIGSTOP');
    assert.equal(await hasEnded(identity!), false, 'stopped is not dead');
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.equal(await hasEnded(identity!), true);
  }));

for (const program of ['ssh', 'qemu-bridge-helper', 'qemu-system-x86_64.sock', 'my-qemu-system-x86_64'])
  test(`the end of ${program} proves nothing about a QEMU`, () =>
    running(program, async (child) => {
      assert.equal(await identifyQemu(child.pid!), undefined);
    }));

test('no process, and one that may not be looked into', async () => {
  assert.equal(await identifyQemu(0), undefined);
  assert.equal(await identifyQemu(-1), undefined);
  const limit = Number(await readFile('/proc/sys/kernel/pid_max', 'utf8'));
  assert.equal(await identifyQemu(limit + 1), undefined);
  assert.equal(await hasEnded({ pid: limit + 1, startTime: '1' }), true);
});
