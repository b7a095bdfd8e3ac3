import assert from 'node:assert/strict';
import { fstatSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { PageArena } from '../../src/devices/fs/contents/arena.ts';
import {
  type ContentSink,
  type ContentSource,
  Falloc,
  FileContent,
} from '../../src/devices/fs/contents/content.ts';
import { MAX_FILE_SIZE, STALE_PAGES } from '../../src/devices/fs/contents/limits.ts';
import { ContentStore } from '../../src/devices/fs/contents/store.ts';
import { Errno, liveResources, PAGE_SIZE } from '../../src/sys/index.ts';

class Sink implements ContentSink {
  readonly bytes: Uint8Array;
  at = 0;
  pieces = 0;
  constructor(room: number) {
    this.bytes = new Uint8Array(room).fill(0xee);
  }
  write(source: Uint8Array, offset: number, length: number): number {
    this.bytes.set(source.subarray(offset, offset + length), this.at);
    this.at += length;
    this.pieces++;
    return length;
  }
  fill(byte: number, length: number): number {
    this.bytes.fill(byte, this.at, this.at + length);
    this.at += length;
    this.pieces++;
    return length;
  }
}

class Source implements ContentSource {
  readonly bytes: Uint8Array;
  at = 0;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
  get remaining(): number {
    return this.bytes.length - this.at;
  }
  read(target: Uint8Array, offset: number, length: number): number {
    target.set(this.bytes.subarray(this.at, this.at + length), offset);
    this.at += length;
    return length;
  }
}

function write(file: FileContent, offset: number, bytes: Uint8Array): number {
  return file.write(offset, new Source(bytes), bytes.length);
}

function read(file: FileContent, offset: number, length: number): Uint8Array {
  const sink = new Sink(length);
  const count = file.read(offset, length, sink);
  assert.equal(sink.at, count);
  return sink.bytes.subarray(0, count);
}

function filled(length: number, byte: number): Uint8Array {
  return new Uint8Array(length).fill(byte);
}

test('what is written is read back, and everything else is zero', () => {
  using store = new ContentStore(64 * PAGE_SIZE);
  const file = store.create();
  assert.equal(write(file, 5000, filled(9000, 7)), 9000);
  assert.equal(file.size, 14000);
  assert.equal(file.pages, 3);
  assert.equal(file.blocks, 24);
  assert.deepEqual(read(file, 0, 5000), filled(5000, 0));
  assert.deepEqual(read(file, 5000, 20000), filled(9000, 7));
  assert.equal(read(file, 14000, 10).length, 0);
  assert.equal(read(file, 1e15, 10).length, 0);
});

test('a source that has less than was announced is written as far as it goes', () => {
  using store = new ContentStore(64 * PAGE_SIZE);
  const file = store.create();
  assert.equal(file.write(0, new Source(filled(10, 1)), 5000), 10);
  assert.equal(file.size, 10);
  assert.equal(file.write(100, new Source(filled(0, 1)), 5000), 0);
  assert.equal(file.size, 10);
});

/** Write, free, and write in part again: the first 5 pages of the second file. */
function recycle(arena: PageArena): Uint8Array {
  const old = new FileContent(arena);
  write(old, 0, filled(8 * PAGE_SIZE, 0xaa));
  old.release();
  const file = new FileContent(arena);
  write(file, 100, filled(10, 1));
  file.truncate(PAGE_SIZE);
  write(file, 3 * PAGE_SIZE - 10, filled(20, 2));
  assert.equal(file.allocate(0, 4 * PAGE_SIZE, PAGE_SIZE), 0);
  return read(file, 0, 5 * PAGE_SIZE);
}

test('a recycled page never shows what its last file held', () => {
  using arena = new PageArena(8);
  const expected = new Uint8Array(5 * PAGE_SIZE);
  expected.fill(1, 100, 110).fill(2, 3 * PAGE_SIZE - 10, 3 * PAGE_SIZE + 10);
  assert.deepEqual(recycle(arena), expected);
});

test('planted fault: an arena that does not blank recycled pages is found out', () => {
  class ForgetfulArena extends PageArena {
    override blank(): void {
      this.forgotten++;
    }
    forgotten = 0;
  }
  using arena = new ForgetfulArena(8);
  assert.ok(recycle(arena).includes(0xaa));
  assert.ok(arena.forgotten > 0);
});

test('a file cut short and made longer again reads zeroes where it was cut', () => {
  using store = new ContentStore(8 * PAGE_SIZE);
  const file = store.create();
  write(file, 0, filled(6000, 3));
  file.truncate(5000);
  file.truncate(6000);
  assert.deepEqual(read(file, 5000, 1000), filled(1000, 0));
  assert.deepEqual(read(file, 4000, 1000), filled(1000, 3));
});

test('a full store refuses by name and changes nothing', () => {
  using store = new ContentStore(4 * PAGE_SIZE);
  const file = store.create();
  write(file, 0, filled(3 * PAGE_SIZE, 1));
  assert.equal(write(file, 2 * PAGE_SIZE, filled(3 * PAGE_SIZE, 2)), -Errno.ENOSPC);
  assert.equal(file.allocate(0, 0, 5 * PAGE_SIZE), -Errno.ENOSPC);
  assert.equal(file.allocate(Falloc.zeroRange, 0, 5 * PAGE_SIZE), -Errno.ENOSPC);
  assert.equal(file.size, 3 * PAGE_SIZE);
  assert.equal(store.freePages, 1);
  assert.deepEqual(read(file, 0, 5 * PAGE_SIZE), filled(3 * PAGE_SIZE, 1));
  assert.equal(file.copyRange(0, store.create(), 0, 2 * PAGE_SIZE), -Errno.ENOSPC);
  assert.equal(write(file, 3 * PAGE_SIZE, filled(PAGE_SIZE, 2)), PAGE_SIZE);
  assert.equal(store.freePages, 0);
  file.truncate(1);
  assert.equal(store.freePages, 3);
});

test('a huge sparse file costs the pages it has, and offsets end where exact numbers do', () => {
  using store = new ContentStore(4 * PAGE_SIZE);
  const file = store.create();
  assert.equal(write(file, 2 ** 40 - 1, filled(1, 9)), 1);
  assert.equal(file.size, 2 ** 40);
  assert.equal(file.pages, 1);
  assert.equal(file.seekData(0), 2 ** 40 - PAGE_SIZE);
  assert.equal(file.seekHole(0), 0);
  for (const outside of [-1, -(2 ** 40), 2 ** 40]) {
    assert.equal(file.seekData(outside), -Errno.ENXIO);
    assert.equal(file.seekHole(outside), -Errno.ENXIO);
  }
  assert.equal(file.seekHole(2 ** 40 - 1), 2 ** 40);
  assert.equal(file.truncate(MAX_FILE_SIZE), 0);
  assert.equal(file.truncate(MAX_FILE_SIZE + 4096), -Errno.EFBIG);
  assert.equal(write(file, MAX_FILE_SIZE, filled(1, 9)), -Errno.EFBIG);
  assert.equal(file.allocate(0, MAX_FILE_SIZE, 1), -Errno.EFBIG);
  assert.equal(write(file, MAX_FILE_SIZE - 1, filled(1, 9)), 1);
  assert.equal(file.allocate(Falloc.punchHole | Falloc.keepSize, 0, MAX_FILE_SIZE), 0);
  assert.equal(file.pages, 0);
});

test('reserved pages are counted, read as zeroes and are no data', () => {
  using store = new ContentStore(16 * PAGE_SIZE);
  const file = store.create();
  assert.equal(file.allocate(Falloc.keepSize, 0, 8 * PAGE_SIZE), 0);
  assert.equal(file.size, 0);
  assert.equal(file.pages, 8);
  assert.equal(file.allocate(0, 0, 8 * PAGE_SIZE), 0);
  assert.equal(file.size, 8 * PAGE_SIZE);
  assert.equal(file.seekData(0), -Errno.ENXIO);
  write(file, 2 * PAGE_SIZE + 5, filled(1, 1));
  assert.equal(file.seekData(0), 2 * PAGE_SIZE);
  assert.equal(file.seekData(2 * PAGE_SIZE + 9), 2 * PAGE_SIZE + 9);
  assert.equal(file.seekHole(2 * PAGE_SIZE), 3 * PAGE_SIZE);
  assert.equal(file.allocate(Falloc.zeroRange | Falloc.keepSize, 0, 8 * PAGE_SIZE), 0);
  assert.equal(file.seekData(0), -Errno.ENXIO);
  assert.deepEqual(read(file, 0, 8 * PAGE_SIZE), filled(8 * PAGE_SIZE, 0));
});

test('a long row of pages that are written and reserved by turns is listed in little time', () => {
  using store = new ContentStore(70_000 * PAGE_SIZE);
  const blocker = store.create();
  const file = store.create();
  write(file, 0, filled(1, 1));
  write(blocker, 0, filled(PAGE_SIZE, 1));
  file.allocate(0, 0, 65_536 * PAGE_SIZE);
  for (let page = 1; page < 65_536; page += 2) write(file, page * PAGE_SIZE, filled(1, 1));
  const start = process.cpuUsage();
  let extents = 0;
  for (let at = file.extentFrom(0); at !== undefined; at = file.extentFrom(at.page + at.count)) extents++;
  assert.ok(extents > 65_000);
  assert.ok(process.cpuUsage(start).user < 1_000_000, 'more than a second of CPU time');
});

test('fallocate refuses what it cannot do', () => {
  using store = new ContentStore(16 * PAGE_SIZE);
  const file = store.create();
  assert.equal(file.allocate(Falloc.punchHole, 0, 10), -Errno.EOPNOTSUPP);
  assert.equal(file.allocate(8, 0, 10), -Errno.EOPNOTSUPP);
  assert.equal(file.allocate(0, 0, 0), -Errno.EINVAL);
  assert.equal(file.allocate(0, -1, 10), -Errno.EINVAL);
});

test('a copy keeps holes, stops at the end, and overlapping ranges of one file are refused', () => {
  using store = new ContentStore(32 * PAGE_SIZE);
  const from = store.create();
  write(from, 0, filled(100, 1));
  write(from, 4 * PAGE_SIZE, filled(100, 2));
  const to = store.create();
  write(to, 0, filled(6 * PAGE_SIZE, 9));
  assert.equal(from.copyRange(0, to, 50, 1e9), 4 * PAGE_SIZE + 100);
  const expected = filled(6 * PAGE_SIZE, 9);
  expected.set(read(from, 0, 1e5), 50);
  assert.deepEqual(read(to, 0, 1e5), expected);
  assert.equal(to.pages, 4);
  assert.equal(from.copyRange(0, from, 10, 20), -Errno.EINVAL);
  assert.equal(from.copyRange(0, from, 100, 100), 100);
  assert.equal(from.copyRange(1e6, to, 0, 10), 0);
  assert.equal(from.copyRange(-1, to, 0, 10), -Errno.EINVAL);
  assert.equal(from.copyRange(0, to, -1, 10), -Errno.EINVAL);
  assert.equal(from.copyRange(0, to, MAX_FILE_SIZE, 10), -Errno.EFBIG);
});

test('files that grow side by side stay mostly in one piece', () => {
  using store = new ContentStore(4096 * PAGE_SIZE);
  const files = [store.create(), store.create(), store.create()];
  for (let page = 0; page < 1000; page++)
    for (const file of files) write(file, page * PAGE_SIZE, filled(PAGE_SIZE, page & 255));
  for (const file of files) {
    const sink = new Sink(1000 * PAGE_SIZE);
    file.read(0, 1000 * PAGE_SIZE, sink);
    for (let page = 0; page < 1000; page++) assert.equal(sink.bytes[page * PAGE_SIZE + 77], page & 255);
    assert.ok(sink.pieces < 30, `${sink.pieces} pieces`);
  }
});

test('freed memory beyond the reserve goes back to the host', () => {
  using store = new ContentStore(4 * STALE_PAGES * PAGE_SIZE);
  const files = Array.from({ length: 8 }, () => store.create());
  for (const file of files) write(file, 0, filled((STALE_PAGES / 4) * PAGE_SIZE, 1));
  const before = fstatSync(store.arena.fd.number).blocks;
  for (const file of files) file.release();
  const after = fstatSync(store.arena.fd.number).blocks;
  assert.equal(before, 2 * STALE_PAGES * 8);
  assert.ok(after <= STALE_PAGES * 8, `${after} blocks left`);
  store.trim();
  assert.equal(fstatSync(store.arena.fd.number).blocks, 0);
  const big = store.create();
  write(big, 0, filled(2 * STALE_PAGES * PAGE_SIZE, 1));
  big.release();
  assert.equal(fstatSync(store.arena.fd.number).blocks, 0);
});

test('a store that was given back holds nothing', () => {
  const held = liveResources().length;
  new ContentStore(100 * PAGE_SIZE)[Symbol.dispose]();
  assert.equal(liveResources().length, held);
  assert.throws(() => new ContentStore(1), RangeError);
  assert.equal(liveResources().length, held);
});

const PAGES = 40;
const MAX = 60 * PAGE_SIZE;
const offset = fc.oneof(
  fc.nat(MAX),
  fc.nat(59).map((page) => page * PAGE_SIZE),
  fc.nat(3),
);
const length = fc.oneof(
  fc.integer({ min: 1, max: 3 * PAGE_SIZE }),
  fc.integer({ min: 1, max: 20 }).map((pages) => pages * PAGE_SIZE),
);
const operation = fc.oneof(
  fc.record({ kind: fc.constant('write' as const), file: fc.nat(2), offset, length }),
  fc.record({ kind: fc.constant('write' as const), file: fc.nat(2), offset, length }),
  fc.record({ kind: fc.constant('truncate' as const), file: fc.nat(2), offset, length }),
  fc.record({ kind: fc.constant('reserve' as const), file: fc.nat(2), offset, length }),
  fc.record({ kind: fc.constant('punch' as const), file: fc.nat(2), offset, length }),
  fc.record({ kind: fc.constant('zero' as const), file: fc.nat(2), offset, length }),
  fc.record({
    kind: fc.constant('copy' as const),
    file: fc.nat(2),
    offset,
    length,
    to: fc.nat(2),
    at: offset,
  }),
  fc.record({ kind: fc.constant('release' as const), file: fc.nat(2), offset, length }),
  fc.record({ kind: fc.constant('trim' as const), file: fc.nat(2), offset, length }),
);

class Model {
  bytes = new Uint8Array(2 * MAX);
  size = 0;
  grow(end: number): void {
    this.size = Math.max(this.size, end);
  }
}

function checkAgainst(model: Model, file: FileContent): void {
  assert.equal(file.size, model.size);
  assert.ok(Buffer.compare(read(file, 0, 2 * MAX), model.bytes.subarray(0, model.size)) === 0);
  for (let at = 0; at < model.size; ) {
    const data = file.seekData(at);
    const stop = data < 0 ? model.size : data;
    assert.ok(model.bytes.subarray(at, stop).every((byte) => byte === 0));
    if (data < 0) break;
    const hole = file.seekHole(data);
    assert.ok(hole > data && hole <= model.size);
    at = hole;
  }
}

test('any sequence of operations gives what plain arrays give', () => {
  fc.assert(
    fc.property(fc.array(operation, { minLength: 1, maxLength: 60 }), (operations) => {
      using store = new ContentStore(PAGES * PAGE_SIZE);
      const files = [store.create(), store.create(), store.create()];
      const models = [new Model(), new Model(), new Model()];
      let byte = 0;
      for (const op of operations) {
        const file = files[op.file]!;
        const model = models[op.file]!;
        const end = op.offset + op.length;
        byte = (byte % 255) + 1;
        switch (op.kind) {
          case 'write': {
            const result = write(file, op.offset, filled(op.length, byte));
            if (result < 0) assert.equal(result, -Errno.ENOSPC);
            else {
              assert.equal(result, op.length);
              model.bytes.fill(byte, op.offset, end);
              model.grow(end);
            }
            break;
          }
          case 'truncate':
            file.truncate(op.offset);
            model.bytes.fill(0, op.offset);
            model.size = op.offset;
            break;
          case 'reserve':
            if (file.allocate(0, op.offset, op.length) === 0) model.grow(end);
            break;
          case 'punch':
            assert.equal(file.allocate(Falloc.punchHole | Falloc.keepSize, op.offset, op.length), 0);
            model.bytes.fill(0, op.offset, end);
            break;
          case 'zero':
            if (file.allocate(Falloc.zeroRange, op.offset, op.length) === 0) {
              model.bytes.fill(0, op.offset, end);
              model.grow(end);
            }
            break;
          case 'copy': {
            const target = models[op.to]!;
            const result = file.copyRange(op.offset, files[op.to]!, op.at, op.length);
            if (result > 0) {
              assert.equal(result, Math.min(op.length, model.size - op.offset));
              target.bytes.set(model.bytes.slice(op.offset, op.offset + result), op.at);
              target.grow(op.at + result);
            }
            break;
          }
          case 'release':
            file.release();
            models[op.file] = new Model();
            break;
          case 'trim':
            store.trim();
        }
        assert.equal(
          PAGES - store.freePages,
          files.reduce((sum, each) => sum + each.pages, 0),
        );
      }
      files.forEach((file, i) => {
        checkAgainst(models[i]!, file);
      });
    }),
    { numRuns: 300 },
  );
});
