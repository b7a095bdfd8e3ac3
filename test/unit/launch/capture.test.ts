import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { capture } from '../../../src/launch/index.ts';

const shell = (script: string) => ['/bin/sh', '-c', script] as const;

describe('capture', () => {
  it('keeps what a program said on both streams, and how it ended', async () => {
    const run = await capture(shell('printf "\\377out"; echo err >&2; exit 3'), { deadline: 5000 });
    assert.deepEqual([run.code, run.signal, run.stderr, run.cut], [3, null, 'err\n', undefined]);
    assert.deepEqual([...run.output], [0xff, ...Buffer.from('out')]);
    assert.equal(run.stdout, '\ufffdout');
  });

  it('gives it no input', async () => {
    const run = await capture(shell('cat; echo $?'), { deadline: 5000 });
    assert.equal(run.stdout, '0\n');
  });

  it('says what a signal did, and why a program could not be started', async () => {
    assert.equal((await capture(shell('kill -SEGV $$'), { deadline: 5000 })).signal, 'SIGSEGV');
    const none = await capture(['/no/such program'], { deadline: 5000 });
    assert.equal(none.code, null);
    assert.match(none.stderr, /ENOENT/);
  });

  it('kills one that does not end, and one that prints without end', async () => {
    const slow = await capture(shell('echo began; exec sleep 60'), { deadline: 100 });
    assert.deepEqual(
      [slow.cut, slow.code, slow.signal, slow.stdout],
      ['deadline', null, 'SIGKILL', 'began\n'],
    );
    const loud = await capture(shell('exec cat /dev/zero'), { deadline: 30_000, maxOutput: 5000 });
    assert.deepEqual([loud.cut, loud.output.length, loud.signal], ['output', 5000, 'SIGKILL']);
  });

  it('kills what a script was waiting for as well', async () => {
    const run = await capture(shell('(sleep 60 & echo $!; wait); echo never'), { deadline: 100 });
    assert.equal(run.cut, 'deadline');
    const left = Number(run.stdout);
    assert.ok(left > 0, run.stdout);
    // One that was killed may still be there for whoever collects it
    const state = await readFile(`/proc/${left}/stat`, 'utf8').catch(() => 'gone');
    assert.match(state, /^(?:gone|\d+ \(sleep\) Z)/);
  });

  it('takes exactly as much as was allowed', async () => {
    const run = await capture(shell('printf 12345'), { deadline: 5000, maxOutput: 5 });
    assert.deepEqual([run.cut, run.stdout, run.code], [undefined, '12345', 0]);
  });

  it('does not wait for those that keep the output of a program which has ended', async () => {
    const run = await capture(shell('sleep 60 & echo $!'), { deadline: 30_000 });
    const left = Number(run.stdout);
    process.kill(left, 'SIGKILL');
    assert.deepEqual([run.cut, run.code], ['held', 0]);
  });

  it('ends when it is aborted', async () => {
    const controller = new AbortController();
    const run = capture(shell('exec sleep 60'), { deadline: 30_000, signal: controller.signal });
    controller.abort();
    const { cut, code } = await run;
    assert.deepEqual([cut, code], [undefined, null]);
  });
});
