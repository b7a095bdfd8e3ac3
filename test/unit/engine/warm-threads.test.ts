import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { WarmThreads } from '../../../src/engine/channels/index.ts';
import { noneKind, ramModule } from '../../../src/engine/payloads/index.ts';

test('threads that no channel takes end, whether they have loaded everything or not', async () => {
  const loading = new WarmThreads(2, [ramModule]);
  await loading[Symbol.asyncDispose]();
  assert.equal(loading.take(), undefined);
  const waiting = new WarmThreads(2, [ramModule, noneKind(4096).module]);
  await waiting.ready();
  await waiting[Symbol.asyncDispose]();
  assert.equal(waiting.take(), undefined);
});

test('each is taken once, and belongs to whoever took it', async () => {
  await using threads = new WarmThreads(2, []);
  const [one, other, none] = [threads.take(), threads.take(), threads.take()];
  assert.ok(one !== undefined && other !== undefined && one !== other);
  assert.equal(none, undefined);
  await threads.ready();
  await threads[Symbol.asyncDispose]();
  for (const worker of [one, other]) {
    const exited = once(worker, 'exit');
    worker.postMessage(undefined);
    assert.deepEqual(await exited, [0]);
  }
});

test('a module that cannot be loaded keeps nobody waiting', async () => {
  await using threads = new WarmThreads(1, ['file:///nowhere/kind.ts']);
  await threads.ready();
});
