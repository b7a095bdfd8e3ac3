import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  bothSides,
  isUntouched,
  RING_STOP_SECTION,
  type RingStop,
  readRingStop,
  writeRingStop,
} from '../../../src/device/ring-stop.ts';
import { type Section, StateError } from '../../../src/state/index.ts';

const QUEUES = { count: 4, maxSize: 256 };

function encode(stop: RingStop): { version: number; payload: Uint8Array } {
  let written: { version: number; payload: Uint8Array } | undefined;
  const write = ({ version }: Section, ...parts: Uint8Array[]) => {
    written = { version, payload: new Uint8Array(Buffer.concat(parts)) };
  };
  writeRingStop({ write, records: 0, bytes: 0 }, stop);
  assert.ok(written !== undefined);
  return written;
}

function decode({ version, payload }: { version: number; payload: Uint8Array }): RingStop {
  return readRingStop({ section: RING_STOP_SECTION.name, version, payload }, QUEUES);
}

const head = fc.nat(QUEUES.maxSize - 1);
const bySplit = fc.record({
  queue: fc.nat(QUEUES.count - 1),
  kind: fc.constant('split' as const),
  base: fc.nat(0xffff),
  parked: fc
    .uniqueArray(head, { maxLength: QUEUES.maxSize })
    .map((heads) => heads.map((one) => ({ head: one }))),
});
const descriptors = fc.integer({ min: 1, max: 8 }).chain((count) => {
  return fc.uint8Array({ minLength: 16 * count, maxLength: 16 * count });
});
const byPacked = fc.record({
  queue: fc.nat(QUEUES.count - 1),
  kind: fc.constant('packed' as const),
  base: fc.nat(0xffff_ffff),
  parked: fc.uniqueArray(fc.record({ head: fc.nat(0xffff), descriptors }), {
    selector: ({ head }) => head,
    maxLength: QUEUES.maxSize / 8,
  }),
});

test('what is written is read, split queues as the first version had it', () => {
  fc.assert(
    fc.property(fc.oneof(bySplit, byPacked), (stop) => {
      const written = encode(stop);
      assert.equal(written.version, stop.kind === 'split' ? 1 : 2);
      assert.deepEqual(decode(written), { ...stop, parked: stop.parked.map((one) => ({ ...one })) });
    }),
  );
});

test('the first version is read from its bytes', () => {
  const payload = Uint8Array.of(1, 0, 0x34, 0x12, 2, 0, 0, 0, 7, 0, 9, 0);
  const stop: RingStop = { queue: 1, kind: 'split', base: 0x1234, parked: [{ head: 7 }, { head: 9 }] };
  assert.deepEqual(decode({ version: 1, payload }), stop);
  assert.deepEqual(encode(stop), { version: 1, payload });
});

test('the second version is read from its bytes', () => {
  const chain = Uint8Array.from({ length: 16 }, (_, i) => i);
  const payload = Uint8Array.of(1, 0, 0, 0, 3, 0x80, 2, 0x80, 1, 0, 0, 0, 7, 0, 1, 0, ...chain);
  const parked = [{ head: 7, descriptors: chain }];
  const stop: RingStop = { queue: 1, kind: 'packed', base: 0x8002_8003, parked };
  assert.deepEqual(decode({ version: 2, payload }), stop);
  assert.deepEqual(encode(stop), { version: 2, payload });
});

for (const version of [1, 2])
  test(`whatever else arrives in version ${version} is refused by name or means one stop`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (payload) => {
        try {
          const stop = decode({ version, payload });
          assert.ok(stop.queue < QUEUES.count && stop.base <= (version === 1 ? 0xffff : 0xffff_ffff));
          assert.equal(new Set(stop.parked.map((one) => one.head)).size, stop.parked.length);
          assert.deepEqual(encode(stop), { version, payload });
        } catch (error) {
          assert.ok(error instanceof StateError && error.field === 'ferry.queue', String(error));
        }
      }),
      { numRuns: 5_000 },
    );
  });

const chain = [1, 2, 3, 4, 5, 6, 7, 8];
for (const [name, version, words] of [
  ['a queue that is not there', 1, [4, 0, 0, 0]],
  ['more parked requests than follow', 1, [0, 0, 2, 0, 1]],
  ['fewer parked requests than follow', 1, [0, 0, 1, 0, 1, 2]],
  ['more parked requests than a queue has entries', 1, [0, 0, 257, 0]],
  ['a count of four billion', 1, [0, 0, 0xffff, 0xffff]],
  ['one request twice', 1, [0, 0, 2, 0, 7, 7]],
  ['a request beyond the queue', 1, [0, 0, 1, 0, 256]],
  ['a head that is cut', 1, [0, 0]],
  ['a packed queue that is not there', 2, [4, 0, 0, 0x8000, 0, 0]],
  ['a packed head that is cut', 2, [0, 0, 0, 0x8000, 0]],
  ['something in a reserved field', 2, [0, 1, 0, 0x8000, 0, 0]],
  ['more packed requests than a queue has entries', 2, [0, 0, 0, 0x8000, 257, 0]],
  ['a packed count of four billion', 2, [0, 0, 0, 0x8000, 0xffff, 0xffff]],
  ['more packed requests than follow', 2, [0, 0, 0, 0x8000, 2, 0, 7, 1, ...chain]],
  ['words after the packed requests', 2, [0, 0, 0, 0x8000, 1, 0, 7, 1, ...chain, 0]],
  ['a packed request without descriptors', 2, [0, 0, 0, 0x8000, 1, 0, 7, 0]],
  ['a packed request with more descriptors than follow', 2, [0, 0, 0, 0x8000, 1, 0, 7, 2, ...chain]],
  ['a packed request with more than the queue has', 2, [0, 0, 0, 0x8000, 1, 0, 7, 257, ...chain]],
  ['a buffer twice', 2, [0, 0, 0, 0x8000, 2, 0, 7, 1, ...chain, 7, 1, ...chain]],
] as const)
  test(`${name} is refused`, () => {
    const payload = new Uint8Array(new Uint16Array(words).buffer);
    assert.throws(() => decode({ version, payload }), { code: 'ERR_STATE_SECTION' });
  });

test('chains that together have more descriptors than the queue are refused', () => {
  const parked = [1, 2].map((head) => ({ head, descriptors: new Uint8Array(16 * 129) }));
  assert.throws(() => decode(encode({ queue: 0, kind: 'packed', base: 0, parked })), {
    code: 'ERR_STATE_SECTION',
  });
});

test('one side of a packed ring is both, where it can be nothing else', () => {
  for (const [base, both] of [
    [0x8000, 0x8000_8000],
    [0x8007, 0x8007_8007],
    [0x0007, 0x0007],
    [0x8000_8000, 0x8000_8000],
    [0x8003_0005, 0x8003_0005],
  ] as const) {
    assert.equal(bothSides('packed', base), both);
    assert.equal(bothSides('split', base), base);
  }
});

test('whether a driver had anything back is told by where the ring stopped', () => {
  const split = (base: number, parked: number) =>
    isUntouched({ queue: 0, kind: 'split', base, parked: Array(parked).fill({ head: 0 }) });
  assert.deepEqual([split(0, 0), split(3, 3), split(3, 2), split(1, 0)], [true, true, false, false]);
  const packed = (base: number) => isUntouched({ queue: 0, kind: 'packed', base, parked: [] });
  assert.deepEqual([packed(0x8000_8000), packed(0x8000_8003), packed(0x8001_8003)], [true, true, false]);
});
