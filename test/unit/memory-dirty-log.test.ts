import assert from 'node:assert/strict';
import { once } from 'node:events';
import { afterEach, beforeEach, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { mapDirtyLog } from '../../src/memory/index.ts';
import { createMemfd, liveResources, mapShared, PAGE_SIZE } from '../../src/sys/index.ts';

let held: string[];
beforeEach(() => {
  held = liveResources();
});
afterEach(() => {
  assert.deepEqual(liveResources(), held);
});

test('exactly the pages that were written to are marked, in a log anywhere in its file', () => {
  using fd = createMemfd('log', 2 * PAGE_SIZE);
  using file = mapShared(fd, 0, 2 * PAGE_SIZE);
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: PAGE_SIZE + 100 }),
      fc.array(
        fc.record({
          address: fc.integer({ min: 0, max: 70 * 4096 }),
          length: fc.oneof(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 30 * 4096 })),
        }),
        { maxLength: 4 },
      ),
      (offset, writes) => {
        file.bytes.fill(0);
        using log = mapDirtyLog(fd, offset, 8);
        const expected = new Set<number>();
        for (const { address, length } of writes) {
          log.mark(address, length);
          for (let at = address; at < address + length; at++) expected.add(Math.floor(at / 4096));
        }
        const marked = new Set<number>();
        for (let page = 0; page < 64; page++)
          if ((file.bytes[offset + (page >> 3)]! & (1 << (page & 7))) !== 0) marked.add(page);
        for (const page of expected) if (page >= 64) expected.delete(page);
        assert.deepEqual([...marked].sort(), [...expected].sort());
        file.bytes.fill(0, offset, offset + 8);
        assert.ok(
          file.bytes.every((byte) => byte === 0),
          'nothing beside the log was touched',
        );
      },
    ),
  );
});

test('what lies beyond a short log is counted and touches nothing', () => {
  using fd = createMemfd('log', PAGE_SIZE);
  using file = mapShared(fd, 0, PAGE_SIZE);
  using log = mapDirtyLog(fd, 0, 2);
  log.mark(15 * 4096, 4096);
  assert.equal(log.lost, 0);
  log.mark(15 * 4096, 4097);
  log.mark(2 ** 52, 2 ** 52);
  log.mark(16 * 4096, 1);
  assert.equal(log.lost, 3);
  assert.deepEqual([...file.bytes.subarray(0, 4)], [0, 0x80, 0, 0]);
});

test('a log that cannot be is refused', () => {
  using fd = createMemfd('log', PAGE_SIZE);
  assert.throws(() => mapDirtyLog(fd, 0, 0), { code: 'ERR_LOG' });
  assert.throws(() => mapDirtyLog(fd, 2 ** 53 - 1, 4096), { code: 'ERR_LOG' });
  assert.throws(() => mapDirtyLog(fd, 0, PAGE_SIZE + 1), { code: 'ERR_BEYOND_END' });
});

test('every bit is set by one atomic operation, so that a front end may clear others meanwhile', (context) => {
  using fd = createMemfd('log', PAGE_SIZE);
  using file = mapShared(fd, 0, PAGE_SIZE);
  using log = mapDirtyLog(fd, 0, PAGE_SIZE);
  const { or } = Atomics;
  let turns = 0;
  context.mock.method(Atomics, 'or', (bitmap: Uint8Array<ArrayBuffer>, byte: number, bits: number) => {
    turns++;
    return or(bitmap, byte, bits);
  });
  log.mark(5 * 4096, 4096 * 20);
  assert.equal(turns, 4);
  assert.deepEqual([...file.bytes.subarray(0, 5)], [0xe0, 0xff, 0xff, 0x01, 0]);
});

test('marking loses no bit while another thread marks pages in the same bytes', async () => {
  using fd = createMemfd('log', PAGE_SIZE);
  using file = mapShared(fd, 0, PAGE_SIZE);
  using log = mapDirtyLog(fd, 0, PAGE_SIZE);
  const rounds = 60;
  const turns = new Int32Array(new SharedArrayBuffer(8));
  const other = `
    import { workerData } from 'node:worker_threads';
    import { Fd } from ${JSON.stringify(import.meta.resolve('../../src/sys/index.ts'))};
    import { mapDirtyLog } from ${JSON.stringify(import.meta.resolve('../../src/memory/index.ts'))};
    using own = new Fd(${fd.number}, 'log').duplicate();
    using log = mapDirtyLog(own, 0, ${PAGE_SIZE});
    for (let round = 1; round <= ${rounds}; round++) {
      while (Atomics.load(workerData, 0) < round);
      for (let page = 1; page < ${PAGE_SIZE * 8}; page += 2) log.mark(page * 4096, 1);
      Atomics.store(workerData, 1, round);
      Atomics.notify(workerData, 1);
    }`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(other)}`), {
    workerData: turns,
  });
  const ended = once(worker, 'exit');
  try {
    for (let round = 1; round <= rounds; round++) {
      file.bytes.fill(0);
      Atomics.store(turns, 0, round);
      for (let page = 0; page < PAGE_SIZE * 8; page += 2) log.mark(page * 4096, 1);
      // A late notification of the round before may wake us as well
      while (Atomics.load(turns, 1) < round) {
        assert.notEqual(Atomics.wait(turns, 1, round - 1, 30_000), 'timed-out');
      }
      assert.ok(
        file.bytes.every((byte) => byte === 0xff),
        `round ${round}`,
      );
    }
    assert.deepEqual(await ended, [0]);
  } finally {
    await worker.terminate();
  }
});
