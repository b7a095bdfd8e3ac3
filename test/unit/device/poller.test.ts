import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Poller } from '../../../src/device/poller.ts';
import { createEventfd, drainEventfd, Poll, signalEventfd } from '../../../src/sys/index.ts';

test('whoever is ready is called back, and nobody else', () => {
  using poller = new Poller();
  using one = createEventfd('one');
  using other = createEventfd('other');
  const called: string[] = [];
  poller.watch('front-end', one, Poll.in, (ready) => called.push(`one ${ready}`));
  poller.watch('front-end', other, Poll.in, (ready) => called.push(`other ${ready}`));
  assert.equal(poller.wait(0), 0);
  signalEventfd(other.number);
  assert.equal(poller.wait(1_000), 1);
  poller.dispatch();
  assert.deepEqual(called, ['other 1']);
});

test('one that is let go by another’s callback is not called any more', () => {
  using poller = new Poller();
  using one = createEventfd('one');
  using other = createEventfd('other');
  const called: string[] = [];
  const watches: Disposable[] = [];
  for (const [name, fd] of [
    ['one', one],
    ['other', other],
  ] as const)
    watches.push(
      poller.watch('front-end', fd, Poll.in, () => {
        called.push(name);
        for (const watch of watches) watch[Symbol.dispose]();
      }),
    );
  signalEventfd(one.number);
  signalEventfd(other.number);
  assert.equal(poller.wait(1_000), 2);
  poller.dispatch();
  assert.deepEqual(called, ['one']);
  assert.equal(poller.wait(0), 0);
});

test('a place that is used again does not inherit what its last owner was told', () => {
  using poller = new Poller();
  using old = createEventfd('old');
  using young = createEventfd('young');
  const called: string[] = [];
  const first = poller.watch('front-end', old, Poll.in, () => called.push('old'));
  signalEventfd(old.number);
  poller.wait(1_000);
  first[Symbol.dispose]();
  poller.watch('front-end', young, Poll.in, () => called.push('young'));
  poller.dispatch();
  assert.deepEqual(called, []);
  first[Symbol.dispose]();
  signalEventfd(young.number);
  poller.wait(1_000);
  poller.dispatch();
  assert.deepEqual(called, ['young']);
});

test('waiting for one group leaves the others their turn', () => {
  using poller = new Poller();
  using device = createEventfd('device');
  using frontEnd = createEventfd('front end');
  const called: string[] = [];
  poller.watch('device', device, Poll.in, () => {
    drainEventfd(device.number);
    called.push('device');
  });
  poller.watch('front-end', frontEnd, Poll.in, () => called.push('front end'));
  signalEventfd(device.number);
  signalEventfd(frontEnd.number);
  poller.waitOnly('device', 1_000);
  assert.deepEqual(called, ['device']);
  poller.waitOnly('device', 0);
  assert.deepEqual(called, ['device']);
  assert.equal(poller.wait(0), 1);
  poller.dispatch();
  assert.deepEqual(called, ['device', 'front end']);
});

test('more than it can watch is refused', () => {
  using poller = new Poller();
  using fd = createEventfd('fd');
  for (let i = 0; i < 4096; i++) poller.watch('device', fd, Poll.in, () => undefined);
  assert.throws(() => poller.watch('device', fd, Poll.in, () => undefined), { code: 'ERR_TOO_MANY_WATCHES' });
});
