import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { launchProcess } from '../../../src/launch/index.ts';

/** A child that says "ready" and then does what the script says. */
async function launchScript(script: string, options: { stopDeadline?: number; signal?: AbortSignal } = {}) {
  const ready = Promise.withResolvers<void>();
  const child = await launchProcess({
    ...options,
    command: ['/bin/sh', '-c', script],
    name: 'script',
    onLine: (line) => line === 'ready' && ready.resolve(),
  });
  await Promise.race([ready.promise, child.exited]);
  return child;
}

describe('launchProcess', () => {
  it('keeps what a child said and how it ended', async () => {
    await using child = await launchScript('echo out; echo err >&2; exit 3');
    assert.deepEqual(await child.exited, { code: 3, signal: null });
    assert.match(child.tail, /out/);
    assert.match(child.tail, /err/);
    assert.match(child.failure().message, /^script ended early with exit code 3, having said:\n/);
  });

  it('hands lines over whole, the last one without its end too', async () => {
    const lines: string[] = [];
    await using child = await launchProcess({
      command: ['/bin/sh', '-c', 'printf "one\\ntw"; printf "o\\nthree"'],
      onLine: (line) => lines.push(line),
    });
    await child.exited;
    assert.deepEqual(lines, ['one', 'two', 'three']);
  });

  it('keeps the end of long output', async () => {
    await using child = await launchScript('head -c 200000 /dev/zero | tr "\\0" x; echo last');
    await child.exited;
    assert.ok(child.tail.length <= 16_384);
    assert.ok(child.tail.endsWith('last\n'));
  });

  it('ends with its scope, by SIGTERM', async () => {
    let pid = 0;
    {
      await using child = await launchScript('trap "exit 7" TERM; echo ready; while :; do sleep 0.01; done');
      pid = child.pid;
      assert.deepEqual(await child.stop(), { code: 7, signal: null });
    }
    assert.ok(!existsSync(`/proc/${pid}`));
  });

  it('is killed when SIGTERM does not help', async () => {
    await using child = await launchScript('trap "" TERM; echo ready; while :; do sleep 0.01; done', {
      stopDeadline: 100,
    });
    assert.deepEqual(await child.stop(), { code: null, signal: 'SIGKILL' });
  });

  it('is stopped by its signal, and not started by one that has fired', async () => {
    const controller = new AbortController();
    await using child = await launchScript('echo ready; exec sleep 60', { signal: controller.signal });
    controller.abort();
    assert.deepEqual(await child.exited, { code: null, signal: 'SIGTERM' });
    await assert.rejects(launchScript('exit 0', { signal: controller.signal }), { name: 'AbortError' });
  });

  it('gets descriptors as 3, 4, …', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ferry-fds-'));
    try {
      const paths = ['a', 'b'].map((name) => join(folder, name));
      const fds = paths.map((path) => openSync(path, 'w'));
      await using child = await launchProcess({
        command: ['/bin/sh', '-c', 'echo first >&3; echo second >&4'],
        fds,
      });
      assert.equal((await child.exited).code, 0);
      assert.deepEqual(
        paths.map((path) => readFileSync(path, 'utf8')),
        ['first\n', 'second\n'],
      );
      fds.forEach(closeSync);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('names a program that cannot be started', async () => {
    await assert.rejects(launchProcess({ command: [] }), { code: 'ERR_LAUNCH' });
    await assert.rejects(launchProcess({ command: ['/bin/sh'], cwd: '/nowhere' }), {
      code: 'ERR_LAUNCH',
      message: /^sh could not be started: /,
    });
    for (const program of ['/nowhere/program', 'no-such-program']) {
      await assert.rejects(launchProcess({ command: [program] }), {
        code: 'ERR_LAUNCH',
        message: /program could not be started: /,
      });
    }
  });

  it('waits for an end, or says that it took too long', async () => {
    await using child = await launchScript('echo ready; exec sleep 60');
    await assert.rejects(child.ended(20), { code: 'ERR_DEADLINE' });
    child.kill('SIGKILL');
    assert.deepEqual(await child.ended(5000), { code: null, signal: 'SIGKILL' });
  });

  it('does not outlive a parent that was killed', async () => {
    const module = new URL('../../../src/launch/index.ts', import.meta.url).href;
    const script = `const { launchProcess } = await import('${module}');
      const child = await launchProcess({ command: ['/bin/sleep', '60'] });
      process.stdout.write(child.pid + '\\n');`;
    const parent = spawn(
      process.execPath,
      ['--conditions=ferry-source', '--input-type=module', '-e', script],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const [text] = await once(parent.stdout, 'data');
    const pid = Number(String(text));
    assert.ok(existsSync(`/proc/${pid}`));
    parent.kill('SIGKILL');
    await once(parent, 'close');
    const end = performance.now() + 5000;
    while (isRunning(pid)) {
      assert.ok(performance.now() < end, `process ${pid} still runs`);
      await new Promise(setImmediate);
    }
  });
});

/** Gone, or waiting for its parent to notice. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
