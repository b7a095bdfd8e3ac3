/** What the instance does with requests that wait when rings stop and start, and when memory goes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DeferredRequest } from '../../../src/device/device.ts';
import { DATA, NEXT, WRITE } from '../../support/raw-ring.ts';
import { FakeSession, fixture } from './diary.ts';

/** In the second region of the fixture's memory. */
const LOST = 0x18000;

test('what a device answers after the rings stopped reaches neither memory nor the driver', () => {
  using f = fixture();
  f.device.patient = true;
  f.ring.offer(3);
  const ring = f.started();
  f.instance.startRing(f.session, ring);
  f.instance.rings.serve();
  const [waiting] = f.device.waiting;
  assert.equal(waiting?.abandoned, false);
  f.instance.stopRing(f.session, ring);
  assert.equal(waiting?.abandoned, true);
  waiting?.complete();
  assert.equal(f.ring.usedIndex, 0);
  assert.deepEqual(f.session.told, []);
});

test('parked requests come back in their order, before new ones, and before the device is told anything else', () => {
  using f = fixture();
  f.device.patient = true;
  f.ring.offer(5, 2);
  const ring = f.started();
  f.instance.startRing(f.session, ring);
  f.instance.rings.serve();
  f.instance.stopRing(f.session, ring);
  f.ring.offer(6);
  f.device.patient = false;
  f.lines();
  f.instance.startRing(f.session, f.started(0, { next: ring.queue!.base }));
  assert.equal(f.instance.rings.serve(), 3);
  assert.deepEqual(f.lines(), ['resume', 'handle 0', 'handle 0', 'handle 0']);
  assert.deepEqual(
    [0, 1, 2].map((index) => f.ring.used(index).id),
    [5, 2, 6],
  );
});

test('what the front end kept note of comes before all else, in place of what was parked', () => {
  using f = fixture();
  f.device.patient = true;
  f.ring.offer(5, 2);
  const ring = f.started();
  f.instance.startRing(f.session, ring);
  f.instance.rings.serve();
  f.instance.stopRing(f.session, ring);
  f.device.patient = false;
  const again = f.started(0, { next: ring.queue!.base });
  const queue = Object.assign(again.queue!, { unfinished: [{ head: 2 }, { head: 7 }] });
  f.ring.offer(6);
  f.instance.startRing(f.session, { ...again, queue });
  assert.equal(f.instance.rings.serve(), 3);
  assert.deepEqual(
    [0, 1, 2].map((index) => f.ring.used(index).id),
    [2, 7, 6],
  );
  assert.match(f.log.join(), /goes on with 2 unfinished requests/);
  f.instance.stopRing(f.session, again);
  f.instance.startRing(f.session, f.started(0, { next: again.queue!.base }));
  assert.equal(f.instance.rings.serve(), 0, 'what was parked before has been forgotten');
});

test('a front end that lost its connection goes on where its ring stood, a new driver at the beginning', () => {
  using f = fixture();
  f.device.patient = true;
  f.ring.offer(5, 2);
  const ring = f.started();
  f.instance.startRing(f.session, ring);
  f.instance.rings.serve();
  const at = (base: number, kind: 'split' | 'packed' = 'split') =>
    f.instance.goOnAt(f.session, 0, kind, base);
  assert.deepEqual([at(0), at(1)], [0, 1], 'the ring runs');
  f.instance.disconnected(f.session);
  f.instance.claim(f.session);
  assert.deepEqual([at(0), at(2)], [0, 2], 'nothing had been completed');
  f.device.patient = false;
  f.instance.startRing(f.session, f.started(0, { next: 2 }));
  f.device.waiting.length = 0;
  f.device.patient = true;
  f.ring.offer(6, 7);
  f.instance.rings.serve();
  f.device.waiting[2]?.complete();
  f.instance.disconnected(f.session);
  const other = new FakeSession();
  f.instance.claim(f.session);
  assert.throws(() => f.instance.goOnAt(other, 0, 'split', 1), { code: 'ERR_OWNED' });
  assert.deepEqual([at(0), at(1), at(2), at(4)], [0, 4, 2, 4]);
  assert.equal(at(1, 'packed'), 1);
  assert.equal(at(0x8003, 'packed'), 0x8003_8003, 'where a front end gives one side alone');
  assert.equal(f.instance.goOnAt(f.session, 1, 'split', 1), 1);
});

test('requests are halted before they are parked, and those answered by then are not parked', () => {
  using f = fixture();
  f.device.patient = true;
  f.ring.offer(5, 2);
  const ring = f.started();
  f.instance.startRing(f.session, ring);
  f.instance.rings.serve();
  f.device.onHalt = () => {
    const [first, second] = f.device.waiting.splice(0);
    assert.deepEqual([first?.abandoned, second?.abandoned], [false, false]);
    second?.complete();
  };
  f.lines();
  f.instance.stopRing(f.session, ring);
  assert.deepEqual(f.lines(), ['halt 0', 'suspend']);
  assert.deepEqual([f.ring.usedIndex, f.ring.used(0).id], [1, 2]);
  f.device.patient = false;
  const again = f.started(0, { next: 2 });
  f.instance.startRing(f.session, again);
  assert.equal(f.instance.rings.serve(), 1);
  assert.equal(f.ring.used(1).id, 5);
  f.lines();
  f.instance.stopRing(f.session, again);
  assert.deepEqual(f.lines(), ['suspend'], 'nothing to halt');
});

test('a front end that leaves has requests halted, too', () => {
  using f = fixture();
  f.device.patient = true;
  f.ring.offer(5);
  f.instance.startRing(f.session, f.started());
  f.instance.rings.serve();
  f.lines();
  f.instance.disconnected(f.session);
  assert.deepEqual(f.lines(), ['halt 0', 'suspend']);
});

test('stopping waits for answers under way, unless the ring may leave them to the front end', () => {
  using f = fixture();
  f.device.patient = true;
  f.device.settleMilliseconds = 60;
  f.ring.offer(5);
  const ring = f.started();
  const wait = (mayLeaveInflight: boolean) => {
    f.instance.startRing(f.session, { ...ring, mayLeaveInflight });
    f.instance.rings.serve();
    const start = performance.now();
    f.instance.stopRing(f.session, { ...ring, mayLeaveInflight });
    return performance.now() - start;
  };
  const waited = wait(false);
  assert.ok(waited >= 59, `${waited} ms`);
  assert.match(f.log.splice(0).join(), /Queue 0 stopped with 1 requests that were not answered within 60 ms/);
  const left = wait(true);
  assert.ok(left < 30, `${left} ms`);
  assert.deepEqual(f.log, []);
});

test('rings that stop together wait for answers once', () => {
  using f = fixture();
  f.device.patient = true;
  f.device.settleMilliseconds = 60;
  f.ring.offer(5);
  const rings = [f.started(0), f.started(1)];
  for (const ring of rings) f.instance.startRing(f.session, ring);
  f.instance.rings.serve();
  assert.equal(f.device.waiting.length, 2);
  const start = performance.now();
  for (const ring of rings) f.instance.stopRing(f.session, ring);
  const took = performance.now() - start;
  assert.ok(took >= 59 && took < 110, `${took} ms`);
});

test('memory goes when requests under way elsewhere have been answered, and stays while they are not', () => {
  using f = fixture();
  f.device.patient = true;
  f.ring.offer(5);
  f.instance.claim(f.session);
  f.instance.startRing(f.session, f.started());
  f.instance.rings.serve();
  f.instance.releaseMemory(f.session);
  f.device.settleMilliseconds = 20;
  f.instance.releaseMemory(new FakeSession());
  assert.throws(() => f.instance.releaseMemory(f.session), {
    code: 'ERR_REQUESTS_UNDER_WAY',
    message: /1 requests/,
  });
  f.device.waiting[0]?.complete();
  f.instance.releaseMemory(f.session);
});

test('deferred requests in memory that went are given back unanswered, the others go on', () => {
  using f = fixture();
  f.device.patient = true;
  f.ring.describe(1, LOST, 16, WRITE);
  f.ring.describe(2, LOST, 16, NEXT, 3);
  f.ring.offer(1, 2, 4);
  f.instance.startRing(f.session, f.started());
  f.instance.rings.serve();
  const [lost, read, kept] = f.device.waiting as [DeferredRequest, DeferredRequest, DeferredRequest];
  lost.writable.fill(1, 8);
  kept.writable.fill(9, 4);
  const before = f.guest.memory.exchange(f.guest.memory.regions.slice(0, 1));
  f.instance.memoryChanged(new FakeSession());
  assert.equal(f.ring.usedIndex, 0);
  f.instance.memoryChanged(f.session);
  assert.deepEqual([lost.abandoned, read.abandoned, kept.abandoned], [true, true, false]);
  for (const region of before.slice(1)) region[Symbol.dispose]();
  assert.deepEqual(
    [f.ring.used(0), f.ring.used(1)],
    [1, 2].map((id) => ({ id, length: 0 })),
  );
  lost.complete();
  assert.equal(f.ring.usedIndex, 2);
  kept.writable.fill(7, 2);
  kept.complete();
  assert.deepEqual(f.ring.used(2), { id: 4, length: 6 });
  assert.deepEqual([...f.guest.read(DATA + 4 * 64, 6)], [9, 9, 9, 9, 7, 7]);
});

test('parked requests are dropped where the ring goes on elsewhere, and at a reset', () => {
  using f = fixture();
  f.device.patient = true;
  f.ring.offer(5, 2, 1);
  const ring = f.started();
  f.instance.startRing(f.session, ring);
  f.instance.rings.serve();
  f.instance.stopRing(f.session, ring);
  const elsewhere = f.started(0, { next: 2 });
  f.device.patient = false;
  f.instance.startRing(f.session, elsewhere);
  assert.equal(f.instance.rings.serve(), 1);
  assert.match(f.log.join(), /stopped at 3 and starts at 2: 3 parked requests are dropped/);
  f.instance.stopRing(f.session, elsewhere);

  f.device.patient = true;
  f.ring.offer(7);
  const again = f.started(0, { next: 3 });
  f.instance.startRing(f.session, again);
  f.instance.rings.serve();
  f.lines();
  f.instance.reset(f.session);
  assert.deepEqual(f.lines(), ['halt 0', 'suspend', 'reset']);
  f.instance.startRing(f.session, f.started(0, { next: 4 }));
  assert.equal(f.instance.rings.serve(), 0);
});
