/** Calls that may wait for the storage: how they are handed out, and what is left of them when a queue is halted. */
import assert from 'node:assert/strict';
import { closeSync, openSync, readSync } from 'node:fs';
import { describe, it } from 'node:test';
import { JobTable, Operation } from '../../src/devices/blk/lanes/job-table.ts';
import { JOBS_PER_LANE } from '../../src/devices/blk/limits.ts';
import { assertTurnsRed } from '../support/planted.ts';
import { BlkGuest, header, type Sent, Type, testImage } from './blk-guest.ts';

const MIB = 2 ** 20;

describe('the table of jobs', () => {
  it('gives each posted job to one lane, in order', () => {
    const table = JobTable.create(4);
    for (const job of [2, 0, 3]) table.post(job, Operation.read, job * 512, 512, false);
    assert.deepEqual([table.take(), table.take(), table.take()], [2, 0, 3]);
    assert.ok([2, 0, 3].every((job) => table.begin(job)));
    assert.deepEqual([table.offset(3), table.length(3), table.operation(3)], [1536, 512, Operation.read]);
    table.finish(0, -5);
    assert.ok(table.isDone(0) && !table.isDone(2));
    assert.equal(table.result(0), -5);
    table.free(0);
    assert.ok(!table.isDone(0));
  });

  it('calls a job off only before a lane has begun it', () => {
    const table = JobTable.create(4);
    table.post(0, Operation.write, 0, 512, true);
    table.post(1, Operation.write, 0, 512, true);
    table.post(2, Operation.write, 0, 512, true);
    assert.equal(table.take(), 0);
    assert.ok(table.begin(0));
    assert.deepEqual([table.cancel(0), table.cancel(1), table.cancel(1)], [false, true, false]);
    // The lane comes to it all the same, and learns that there is nothing to do
    assert.deepEqual([table.take(), table.begin(1)], [1, false]);
    assert.ok(!table.isDone(1));
    table.finish(1, 0);
    assert.ok(table.isDone(1));
    assert.ok(!table.waitFor(0, 0));
    table.finish(0, 512);
    assert.ok(table.waitFor(0, 0));
  });

  it('goes on when its counters have wrapped around its ring many times', () => {
    const table = JobTable.create(3);
    for (let i = 0; i < 5000; i++) {
      table.post(i % 3, Operation.flush, i, 0, false);
      table.post((i + 1) % 3, Operation.flush, i, 0, false);
      assert.deepEqual([table.take(), table.take()], [i % 3, (i + 1) % 3]);
    }
  });

  it('says whether a lane has come up', () => {
    const table = JobTable.create(1);
    table.addLane();
    assert.ok(!table.waitForLane(0));
    table.arrive();
    assert.ok(table.waitForLane(0));
  });

  it('sends lanes home', () => {
    const table = JobTable.create(1);
    table.addLane();
    assert.ok(!table.waitForEnd(0));
    table.stop();
    assert.equal(table.take(), -1);
    table.removeLane();
    assert.ok(table.waitForEnd(0));
  });
});

describe('halting', () => {
  /** What the mebibytes of the image begin with that are written to. */
  function written(path: string): number[] {
    // A look that took longer would see what is still being written as well
    const fd = openSync(path, 'r');
    const first = new Uint8Array(1);
    try {
      return Array.from({ length: JOBS_PER_LANE }, (_, i) =>
        readSync(fd, first, 0, 1, i * MIB) === 1 ? first[0]! : -1,
      );
    } finally {
      closeSync(fd);
    }
  }

  /** Halt both queues in the middle of their writes. Returns how many of them had not begun by then. */
  function haltInTheMiddle(): number {
    using image = testImage(48 * MIB);
    let sent: Sent[];
    let atHalt: number[];
    {
      using guest = new BlkGuest({ path: image.path, cache: 'writethrough', lanes: 1 });
      // So long that the lane is at the first while the others have been handed to it
      const bytes = new Uint8Array(16 + MIB).fill(1);
      sent = Array.from({ length: JOBS_PER_LANE }, (_, i) => {
        bytes.set(header(Type.out, i * 2048));
        return guest.send(bytes, 1, { queue: i % 2 });
      });
      guest.device.halt(1);
      for (const one of sent) if (one.queue === 1) one.abandoned = true;
      guest.device.halt(0);
      for (const one of sent) if (one.queue === 0) one.abandoned = true;
      atHalt = written(image.path);
      // The lane comes to this when it has done whatever it was handed before
      assert.equal(guest.answer(guest.send(header(Type.flush, 0), 1)).status, 0);
    }
    assert.deepEqual(written(image.path), atHalt);
    for (const [i, one] of sent.entries()) if (one.answers === 1) assert.equal(atHalt[i], 1, `request ${i}`);
    return atHalt.filter((first) => first !== 1).length;
  }

  it('leaves nothing behind that would be written later', () => {
    // A lane that had the processor to itself has done it all
    let rounds = 0;
    while (haltInTheMiddle() === 0) assert.ok(++rounds < 50, 'all writes had been made before the halt');
  });

  it('halts one queue and goes on with the other', () => {
    using image = testImage(48 * MIB);
    using guest = new BlkGuest({ path: image.path, direct: true, lanes: 1 });
    const write = new Uint8Array(16 + 4096);
    write.set(header(Type.out, 0));
    const reads = Array.from({ length: 20 }, (_, i) =>
      guest.send(header(Type.in, i * 8), 4097, { queue: i % 2 }),
    );
    guest.device.halt(1);
    for (const one of reads) if (one.queue === 1) one.abandoned = true;
    for (const one of reads) if (one.queue === 0) assert.equal(guest.answer(one).status, 0);
    // Nobody else's answer is needed for their places to be free again
    const writes = Array.from({ length: 20 }, () => guest.send(write, 1));
    guest.device.halt(0);
    for (const one of writes) one.abandoned = true;
    for (let i = 0; i < 20; i++) guest.read(i * 8, 4096);
  });

  it('a halt that calls nothing off is caught', () =>
    assertTurnsRed(
      new URL(import.meta.url),
      {
        file: 'src/devices/blk/lanes/lanes.ts',
        find: 'if (!this.#table.cancel(job) && work.changes) this.#waitFor(job, work);',
        replace: '',
      },
      /leaves nothing behind/,
    ));
});
