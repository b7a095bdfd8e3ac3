import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MAX_PAYLOAD, type Section, StateError, StateReader, StateWriter } from '../../../src/state/index.ts';
import {
  consumer,
  drain,
  frameOffsets,
  type Item,
  identity,
  read,
  sections,
  sourceOf,
  write,
} from './streams.ts';

const text = (value: string) => new TextEncoder().encode(value);
const nodes = sections[0]!;
const hints = sections[1]!;

const small: readonly Item[] = [
  { section: nodes, payload: text('first') },
  { section: hints, payload: text('') },
  { section: nodes, payload: text('a second one') },
];

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof StateError, `not a StateError: ${String(error)}`);
    return error.code;
  }
  return 'accepted';
}

test('what is written is read back, however the bytes arrive', () => {
  const item = fc.record({
    section: fc.constantFrom(nodes, hints),
    payload: fc.uint8Array({ maxLength: 3000 }),
  });
  fc.assert(
    fc.property(fc.array(item, { maxLength: 40 }), fc.integer({ min: 1, max: 5000 }), (items, piece) => {
      const found = read(write(items), consumer, piece);
      assert.deepEqual(
        found.map(({ section, payload }) => [section.name, Buffer.from(payload).toString('hex')]),
        items.map(({ section, payload }) => [section.name, Buffer.from(payload).toString('hex')]),
      );
    }),
    { numRuns: 60 },
  );
});

test('large parts reach the sink as they lie in memory', () => {
  const big = new Uint8Array(500_000).fill(7);
  const seen: Uint8Array[] = [];
  const writer = new StateWriter({ write: (bytes) => void seen.push(bytes) }, identity);
  writer.write(nodes, text('head'), big, text('tail'));
  writer.close();
  assert.ok(seen.includes(big), 'the part was copied');
  assert.equal(writer.records, 1);
  assert.equal(writer.bytes, 500_008);
});

test('records up to the limit travel, longer ones are refused before anything is written', () => {
  const full = new Uint8Array(MAX_PAYLOAD).fill(9);
  assert.deepEqual(read(write([{ section: nodes, payload: full }]))[0]?.payload, full);
  const seen: Uint8Array[] = [];
  const writer = new StateWriter({ write: (bytes) => void seen.push(bytes.slice()) }, identity);
  assert.equal(
    codeOf(() => writer.write(nodes, full, new Uint8Array(1))),
    'ERR_STATE_SIZE',
  );
  writer.write(nodes, text('goes on'));
  writer.close();
  assert.equal(drain(Buffer.concat(seen)), 1);
});

test('a stream cut at any byte is refused as truncated', () => {
  const bytes = write(small);
  for (let length = 0; length < bytes.length; length++)
    assert.equal(
      codeOf(() => read(bytes.subarray(0, length))),
      'ERR_STATE_TRUNCATED',
      `at ${length}`,
    );
});

test('any flipped bit is found', () => {
  const bytes = write(small);
  const codes = new Set<string>();
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const damaged = bytes.slice();
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    const code = codeOf(() => read(damaged));
    assert.notEqual(code, 'accepted', `bit ${bit & 7} of byte ${bit >> 3}`);
    codes.add(code);
  }
  assert.deepEqual([...codes].sort(), [
    'ERR_STATE_CHECKSUM',
    'ERR_STATE_MAGIC',
    'ERR_STATE_SIZE',
    'ERR_STATE_TRUNCATED',
  ]);
});

test('a byte put in or left out anywhere is found', () => {
  const bytes = write(small);
  for (let at = 0; at <= bytes.length; at++) {
    const longer = Buffer.concat([bytes.subarray(0, at), text('x'), bytes.subarray(at)]);
    const expected = at === bytes.length ? ['ERR_STATE_TRAILING'] : undefined;
    const code = codeOf(() => read(longer));
    if (expected !== undefined) assert.deepEqual([code], expected);
    assert.notEqual(code, 'accepted', `inserted at ${at}`);
    if (at === bytes.length) continue;
    const shorter = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
    assert.notEqual(
      codeOf(() => read(shorter)),
      'accepted',
      `left out at ${at}`,
    );
  }
});

test('frames swapped, repeated, dropped or moved are found', () => {
  const bytes = write(small);
  const offsets = frameOffsets(bytes);
  const frames = offsets.slice(0, -1).map((at, i) => bytes.subarray(at, offsets[i + 1]));
  const permuted = fc.shuffledSubarray([...frames.keys(), ...frames.keys()], { minLength: 0 });
  fc.assert(
    fc.property(permuted, (order) => {
      const inPlace = order.length === frames.length && order.every((frame, i) => frame === i);
      fc.pre(!inPlace);
      const code = codeOf(() => read(Buffer.concat(order.map((frame) => frames[frame]!))));
      assert.ok(
        ['ERR_STATE_ORDER', 'ERR_STATE_FRAME', 'ERR_STATE_TRUNCATED', 'ERR_STATE_TRAILING'].includes(code),
        code,
      );
    }),
    { numRuns: 500 },
  );
});

test('a record from another stream of the same shape is found by the digest', () => {
  const other = write([small[0]!, small[1]!, { section: nodes, payload: text('another one!') }]);
  const bytes = write(small);
  const [from, to] = frameOffsets(bytes).slice(3, 5);
  const spliced = bytes.slice();
  spliced.set(other.subarray(from, to), from);
  assert.equal(
    codeOf(() => read(spliced)),
    'ERR_STATE_DIGEST',
  );
});

test('an unknown optional section is passed over, an unknown required one refused by name', () => {
  const future = (required: boolean): Item => ({
    section: { name: 'future', version: 1, required },
    payload: text('?'),
  });
  const items = [small[0]!, future(false), small[2]!];
  assert.deepEqual(
    read(write(items)).map(({ section }) => section.name),
    ['nodes', 'nodes'],
  );
  assert.throws(() => read(write([small[0]!, future(true)])), {
    code: 'ERR_STATE_SECTION',
    message: /record 2 .*section future is required and unknown here/,
  });
});

test('a later version of a section is passed over or refused, an earlier one handed out with its version', () => {
  const versioned = (section: Section, version: number): Item => ({
    section: { ...section, version },
    payload: text('v'),
  });
  assert.deepEqual(
    read(write([versioned(nodes, 1)])).map(({ section }) => section.version),
    [1],
  );
  assert.equal(read(write([versioned(hints, 2)])).length, 0);
  assert.equal(
    codeOf(() => read(write([versioned(nodes, 3)]))),
    'ERR_STATE_VERSION',
  );
});

test('state of another device, of a later version, or with unknown features is refused', () => {
  const bytes = (change: Partial<typeof identity>) => write(small, { ...identity, ...change });
  assert.equal(
    codeOf(() => read(bytes({ device: 'toys' }))),
    'ERR_STATE_DEVICE',
  );
  assert.equal(
    codeOf(() => read(bytes({ virtioId: 26 }))),
    'ERR_STATE_DEVICE',
  );
  assert.equal(
    codeOf(() => read(bytes({ stateVersion: 4 }))),
    'ERR_STATE_VERSION',
  );
  assert.equal(
    codeOf(() => read(bytes({ features: 1n << 60n }))),
    'ERR_STATE_DEVICE',
  );
  assert.equal(read(bytes({ stateVersion: 2, features: 0n })).length, 3);
});

test('a stream that is longer than allowed is refused before it is read', () => {
  const bytes = write(small);
  const reader = new StateReader(sourceOf(bytes), consumer, { maxStream: 200 });
  assert.equal(reader.next()?.section, 'nodes');
  assert.equal(
    codeOf(() => reader.next()),
    'ERR_STATE_SIZE',
  );
});

test('sections without a possible name or version cannot be written', () => {
  const writer = new StateWriter({ write: () => undefined }, identity);
  for (const name of ['', 'Upper', 'with space', 'x'.repeat(41)])
    assert.equal(
      codeOf(() => writer.write({ name, version: 1, required: true })),
      'ERR_STATE_SECTION',
    );
  for (const version of [0, -1, 2 ** 32, Number.NaN])
    assert.equal(
      codeOf(() => writer.write({ name: 'n', version, required: true })),
      'ERR_STATE_SECTION',
    );
  writer.close();
  assert.equal(
    codeOf(() => writer.write(nodes)),
    'ERR_STATE_SECTION',
  );
});
