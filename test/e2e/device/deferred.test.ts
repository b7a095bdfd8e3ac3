/** Requests that are answered from elsewhere, at the moment when the guest stops. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SmallGuest } from '../../support/device/guest.ts';
import { Served, testFolder } from '../../support/device/served.ts';

const LONG = 300;

/** Send a request that takes long, and return when the device has taken it: it has answered one that came later. */
function begin(guest: SmallGuest): void {
  guest.send(1, LONG);
  guest.send(2, 0);
  assert.equal(guest.collect(), 2);
}

test('stopping waits for answers that are under way, as long as the device allows', async () => {
  using folder = testFolder();
  await using served = await Served.start(folder.path, { device: 'slow', options: 4_000 });
  using guest = new SmallGuest();
  guest.attach(served.path).start();
  for (let round = 0n; round < 3n; round++) {
    begin(guest);
    const start = performance.now();
    guest.stop();
    assert.ok(performance.now() - start < 2_000, 'the answer had come, and stopping took longer');
    assert.equal(guest.queue.collect(), 1);
    assert.equal(guest.answer(1), round * 2n + 2n);
    guest.frontEnd.start();
  }
});

test('answers that take longer are parked, asked for again, and given once', async () => {
  using folder = testFolder();
  await using served = await Served.start(folder.path, { device: 'slow', options: 20 });
  using guest = new SmallGuest();
  guest.attach(served.path).start();
  for (let round = 0n; round < 3n; round++) {
    begin(guest);
    guest.stop();
    assert.equal(guest.queue.collect(), -1);
    guest.frontEnd.start();
    assert.equal(guest.collect(), 1);
    assert.equal(guest.answer(1), round * 3n + 3n);
    assert.equal(guest.queue.inFlight, 0);
  }
});
