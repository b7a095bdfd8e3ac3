import assert from 'node:assert/strict';
import { mkdtempSync, openSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { ExplicitMarks, VhostUserLog } from '../../../src/engine/transfer/dirty.ts';
import { type DirtyLog, mapDirtyLog, PageBitmap } from '../../../src/memory/index.ts';
import { Fd } from '../../../src/sys/index.ts';

function withLog(offset: number, size: number, body: (log: DirtyLog) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'ferry-log-'));
  const path = join(folder, 'log');
  writeFileSync(path, '');
  truncateSync(path, offset + size);
  try {
    using fd = new Fd(openSync(path, 'r+'), 'log');
    using log = mapDirtyLog(fd, offset, size);
    body(log);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function pagesOf(set: PageBitmap): number[] {
  return Array.from({ length: set.pages }, (_, page) => page).filter((page) => set.has(page));
}

test('a dirty log gives each mark away once, in order, wherever it lies in its file', () => {
  for (const [offset, size] of [
    [0, 64],
    [1, 64],
    [4097, 13],
    [6, 1],
    [3, 3],
  ] as const)
    withLog(offset, size, (log) => {
      fc.assert(
        fc.property(fc.uniqueArray(fc.integer({ min: 0, max: size * 8 - 1 })), (pages) => {
          for (const page of pages) log.mark(page * 4096 + 5, 1);
          const seen: number[] = [];
          log.collect((page) => seen.push(page));
          assert.deepEqual(
            seen,
            pages.toSorted((one, other) => one - other),
          );
          log.collect(() => assert.fail('a mark that was collected before'));
        }),
        { numRuns: 30 },
      );
    });
});

test('explicit marks: from the start on, each once, counted where they are new', () => {
  const marks = new PageBitmap(70);
  const source = new ExplicitMarks(marks);
  marks.add(3);
  source.start();
  const pages = new PageBitmap(70);
  assert.equal(source.collect(pages), 0);
  marks.add(69);
  marks.add(5);
  pages.add(5);
  assert.equal(source.collect(pages), 1);
  assert.deepEqual(pagesOf(pages), [5, 69]);
  assert.equal(source.collect(pages), 0);
  source.stop();
});

test('bits by guest address become pages of the blocks, and what is no memory does not', () => {
  withLog(0, 32, (log) => {
    // Guest pages 0 to 15 are pages 64 to 79; guest pages 100 to 109 are pages 0 to 9
    const source = new VhostUserLog(log, [
      { guestAddress: 0, length: 16 * 4096, firstPage: 64 },
      { guestAddress: 100 * 4096, length: 10 * 4096, firstPage: 0 },
    ]);
    log.mark(2 * 4096, 1);
    source.start();
    for (const page of [0, 15, 16, 99, 100, 109, 110]) log.mark(page * 4096, 1);
    const pages = new PageBitmap(96);
    assert.equal(source.collect(pages), 4);
    assert.deepEqual(pagesOf(pages), [0, 9, 64, 79]);
    assert.equal(source.collect(pages), 0);
    source.stop();
  });
});

test('a log that does not tell of every page is refused by name', () => {
  withLog(0, 2, (log) => {
    const far = { guestAddress: 4096, length: 16 * 4096, firstPage: 0 };
    assert.throws(() => new VhostUserLog(log, [far]), /covers 16 pages, guest memory ends at 0x11000/);
    const source = new VhostUserLog(log, [{ guestAddress: 0, length: 16 * 4096, firstPage: 0 }]);
    log.mark(16 * 4096, 1);
    source.start();
    assert.equal(source.collect(new PageBitmap(16)), 0, 'what was lost before does not matter');
    log.mark(15 * 4096, 4097);
    assert.throws(() => source.collect(new PageBitmap(16)), { code: 'ERR_DIRTY_LOG' });
  });
});
