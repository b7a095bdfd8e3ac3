/** The example, as its reader runs it: two processes, real sockets, requests before, during and after a move. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { SmallGuest, saveState } from '../../support/device/guest.ts';
import { Served, testFolder } from '../../support/device/served.ts';

const ADD = 1;
const READ = 2;
const WAIT = 3;

test('requests are answered, also those that wait', async () => {
  using folder = testFolder();
  await using served = await Served.example(folder.path);
  using guest = new SmallGuest();
  guest.attach(served.path).start();
  assert.equal(guest.ask(ADD, 5), 5n);
  guest.send(1, WAIT, 20);
  guest.send(2, WAIT, 10);
  assert.equal(guest.ask(ADD, 4), 9n);
  guest.send(0, ADD, 11);
  assert.deepEqual([guest.collect(), guest.collect(), guest.collect()], [1, 2, 0]);
  assert.deepEqual([guest.answer(1), guest.answer(2), guest.answer(0)], [20n, 20n, 20n]);
});

test('a move takes total and waiting requests along, and neither side answers anything twice', async () => {
  using folder = testFolder();
  await using source = await Served.example(folder.path, 'source');
  await using destination = await Served.example(folder.path, 'destination');
  using guest = new SmallGuest();
  guest.attach(source.path).start();
  assert.equal(guest.ask(ADD, 41), 41n);
  for (const slot of [1, 2, 3]) guest.send(slot, WAIT, 100);
  assert.equal(guest.ask(READ), 41n);
  guest.stop();
  const state = saveState(guest.frontEnd);
  guest.attach(destination.path).loadState([state]);
  guest.frontEnd.start();
  assert.equal(guest.ask(ADD, 1), 42n);
  guest.send(0, ADD, 58);
  assert.deepEqual(
    [1, 2, 3, 0],
    Array.from({ length: 4 }, () => guest.collect()),
  );
  assert.deepEqual(
    [1, 2, 3, 0].map((slot) => guest.answer(slot)),
    [100n, 100n, 100n, 100n],
  );
  assert.equal(guest.queue.inFlight, 0);
  assert.equal(guest.ask(ADD, 1), 101n);
});

test('there and back and there again', async () => {
  using folder = testFolder();
  await using one = await Served.example(folder.path, 'one');
  await using other = await Served.example(folder.path, 'other');
  using guest = new SmallGuest();
  guest.attach(one.path).start();
  let total = 0n;
  for (const next of [other, one, other, one]) {
    total += 7n;
    guest.send(5, WAIT, Number(total + 1n));
    assert.equal(guest.ask(ADD, 7), total);
    guest.stop();
    const state = saveState(guest.frontEnd);
    guest.attach(next.path).loadState([state]);
    guest.frontEnd.start();
    total += 1n;
    guest.send(0, ADD, 1);
    assert.deepEqual([guest.collect(), guest.collect()], [5, 0]);
    assert.equal(guest.answer(5), total);
  }
});

test('stopped and started a hundred times with requests waiting', async () => {
  using folder = testFolder();
  await using served = await Served.example(folder.path);
  using guest = new SmallGuest();
  guest.attach(served.path).start();
  for (const slot of [10, 11, 12]) guest.send(slot, WAIT, 1_000);
  for (let i = 1; i <= 100; i++) {
    assert.equal(guest.ask(ADD, 1), BigInt(i));
    guest.stop();
    guest.frontEnd.start();
  }
  guest.send(0, ADD, 900);
  assert.deepEqual(
    [10, 11, 12, 0],
    Array.from({ length: 4 }, () => guest.collect()),
  );
});

test('a state that was saved is still there when the move is given up', async () => {
  using folder = testFolder();
  await using served = await Served.example(folder.path);
  using guest = new SmallGuest();
  guest.attach(served.path).start();
  guest.send(1, WAIT, 10);
  assert.equal(guest.ask(ADD, 3), 3n);
  guest.stop();
  const first = saveState(guest.frontEnd);
  assert.deepEqual(saveState(guest.frontEnd), first);
  guest.frontEnd.start();
  guest.send(0, ADD, 7);
  assert.deepEqual([guest.collect(), guest.collect()], [1, 0]);
  assert.equal(guest.answer(1), 10n);
});

test('SIGTERM ends it in good order, with nothing left behind', async () => {
  using folder = testFolder();
  await using served = await Served.example(folder.path);
  using guest = new SmallGuest();
  guest.attach(served.path).start();
  assert.equal(guest.ask(ADD, 3), 3n);
  served.process.kill('SIGTERM');
  assert.deepEqual(await served.ended(), { code: 0, signal: null });
  assert.deepEqual(readdirSync(folder.path), []);
});
