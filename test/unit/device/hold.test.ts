/** Answers are shown one by one to a driver that sleeps, and several at one time to one that looks all the time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DONE, type Request } from '../../../src/device/device.ts';
import { QUIET } from '../../../src/device/limits.ts';
import { DATA, WRITE } from '../../support/raw-ring.ts';
import { fixture } from './diary.ts';

/** A ring whose requests say how many answers the driver could see when each was handled. */
function watched() {
  const f = fixture();
  const shown: number[] = [];
  let length = 1;
  f.device.handle = (request: Request) => {
    shown.push((f.ring.usedIndex - start()) & 0xffff);
    request.writable.fill(7, length);
    return DONE;
  };
  let begun = 0;
  const start = () => begun;
  f.ring.describe(7, DATA, 0x6000, WRITE);
  f.instance.startRing(f.session, f.started());
  return {
    ...f,
    /** Serve a full ring, with answers of `bytes`; what could be seen when each of them was handled. */
    serve(bytes: number, head: number): number[] {
      length = bytes;
      begun = f.ring.usedIndex;
      f.ring.offer(...Array.from({ length: 8 }, () => head));
      assert.equal(f.instance.rings.serve(), 8);
      assert.equal((f.ring.usedIndex - begun) & 0xffff, 8, 'nothing stays hidden');
      return shown.splice(0);
    },
  };
}

test('several at one time once the driver has been quiet for long, one by one as soon as it wants to be called', () => {
  using f = watched();
  const oneByOne = [0, 1, 2, 3, 4, 5, 6, 7];
  const atOneTime = [0, 0, 0, 0, 0, 0, 0, 0];
  // Never passed from here on: the driver looks by itself
  const look = () => (f.ring.usedEvent = (f.ring.usedIndex - 1) & 0xffff);
  look();
  assert.deepEqual(f.serve(1, 0), oneByOne);
  for (let answers = 8; answers < QUIET; answers += 8) {
    look();
    assert.deepEqual(f.serve(1, 0), oneByOne);
  }
  look();
  f.serve(1, 0);
  look();
  f.session.told.length = 0;
  assert.deepEqual(f.serve(1, 0), atOneTime);
  assert.deepEqual(f.serve(0x2000, 7), oneByOne, 'large ones');
  assert.deepEqual(f.session.told, []);
  f.ring.usedEvent = (f.ring.usedIndex + 3) & 0xffff;
  assert.deepEqual(f.serve(1, 0), atOneTime, 'what was passed shows with the last');
  assert.deepEqual(f.session.told, ['notify 0']);
  look();
  assert.deepEqual(f.serve(1, 0), oneByOne);
});

test('what is held is shown before a broken ring is given up', () => {
  using f = watched();
  for (let answers = 0; answers <= QUIET + 8; answers += 8) {
    f.ring.usedEvent = (f.ring.usedIndex - 1) & 0xffff;
    f.serve(1, 0);
  }
  const before = f.ring.usedIndex;
  f.ring.offer(0, 0, 99);
  f.instance.rings.serve();
  assert.equal((f.ring.usedIndex - before) & 0xffff, 2);
  assert.match(f.log.join(), /is broken/);
});
