import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  RING_STOP_SECTION,
  type RingStop,
  readRingStop,
  writeRingStop,
} from '../../../src/device/ring-stop.ts';
import { StateError } from '../../../src/state/index.ts';

const QUEUES = { count: 4, maxSize: 256 };

function encode(stop: RingStop): Uint8Array {
  let payload = new Uint8Array(0);
  const write = (_section: unknown, ...parts: Uint8Array[]) => {
    payload = new Uint8Array(Buffer.concat(parts));
  };
  writeRingStop({ write, records: 0, bytes: 0 }, stop);
  return payload;
}

function decode(payload: Uint8Array): RingStop {
  return readRingStop({ section: RING_STOP_SECTION.name, version: 1, payload }, QUEUES);
}

test('what is written is read', () => {
  const stops = fc.record({
    queue: fc.nat(QUEUES.count - 1),
    next: fc.nat(0xffff),
    parked: fc.uniqueArray(fc.nat(QUEUES.maxSize - 1), { maxLength: QUEUES.maxSize }),
  });
  fc.assert(fc.property(stops, (stop) => assert.deepEqual(decode(encode(stop)), { ...stop })));
});

test('whatever else arrives is refused by name or means one stop', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (payload) => {
      try {
        const { queue, next, parked } = decode(payload);
        assert.ok(queue < QUEUES.count && next <= 0xffff);
        assert.ok(new Set(parked).size === parked.length && parked.every((head) => head < QUEUES.maxSize));
        assert.deepEqual(encode({ queue, next, parked }), payload);
      } catch (error) {
        assert.ok(error instanceof StateError && error.field === 'ferry.queue', String(error));
      }
    }),
    { numRuns: 5_000 },
  );
});

for (const [name, words] of [
  ['a queue that is not there', [4, 0, 0, 0]],
  ['more parked requests than follow', [0, 0, 2, 0, 1]],
  ['fewer parked requests than follow', [0, 0, 1, 0, 1, 2]],
  ['more parked requests than a queue has entries', [0, 0, 257, 0]],
  ['a count of four billion', [0, 0, 0xffff, 0xffff]],
  ['one request twice', [0, 0, 2, 0, 7, 7]],
  ['a request beyond the queue', [0, 0, 1, 0, 256]],
  ['a head that is cut', [0, 0]],
] as const)
  test(`${name} is refused`, () => {
    assert.throws(() => decode(new Uint8Array(new Uint16Array(words).buffer)), { code: 'ERR_STATE_SECTION' });
  });
