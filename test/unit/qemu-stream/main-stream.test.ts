import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MainStream, type StreamEvent } from '../../../src/qemu-stream/index.ts';
import { encode, PAGE, parts, read, WHOLE } from './streams.ts';

const whole = encode(...WHOLE);

test('the smallest stream of all, byte for byte', () => {
  // specs of the format have this one; the description is what QEMU adds
  const text = Buffer.from('{"devices": [{"name": "d", "instance_id": 0, "fields": [{"size": 2}]}]}');
  const bytes = Buffer.concat([
    Buffer.from('5145564d00000003', 'hex'),
    Buffer.from('0700000006', 'hex'),
    Buffer.from('q35-xx'),
    Buffer.from('01000000020372616d0000000000000004', 'hex'),
    Buffer.from('0000000000003004', 'hex'),
    Buffer.from('0670632e72616d0000000000003000', 'hex'),
    Buffer.from('00000000000000107e00000002', 'hex'),
    Buffer.from('0200000002', 'hex'),
    Buffer.from('00000000000010080670632e72616d', 'hex'),
    Buffer.alloc(PAGE, 0x55),
    Buffer.from('000000000000002200', 'hex'),
    Buffer.from('00000000000000107e00000002', 'hex'),
    Buffer.from('08000b0000', 'hex'),
    Buffer.from('030000000200000000000000107e00000002', 'hex'),
    Buffer.from('0400000009016400000000000000010a0b7e00000009', 'hex'),
    Buffer.from('0006000000', 'hex'),
    Buffer.of(text.length),
    text,
  ]);
  const { types, bytes: again, finished, error } = read(bytes);
  assert.equal(error, undefined);
  assert.deepEqual(types, [
    'prologue',
    ...['start', 'blocks', 'end-of-ram', 'footer'],
    ...['part', 'page', 'zero-pages', 'end-of-ram', 'footer'],
    'command',
    ...['end', 'end-of-ram', 'footer'],
    'devices',
  ]);
  assert.ok(finished);
  assert.ok(again.equals(bytes));
});

test('every record of a stream is read, and makes the same bytes again', () => {
  const stream = new MainStream();
  stream.feed(whole);
  const events: StreamEvent[] = [];
  for (let event = stream.next(); event !== undefined; event = stream.next()) {
    if (event.type === 'zero-pages') {
      assert.deepEqual(event.offsets.subarray(0, event.count), parts.zeroes.offsets);
      events.push(parts.zeroes);
    } else if (event.type === 'devices') {
      // Views of different kinds of arrays with the same bytes
      assert.deepEqual(
        event.sections.map(({ body, ...rest }) => ({ ...rest, body: Buffer.from(body) })),
        parts.devices.sections.map(({ body, ...rest }) => ({ ...rest, body: Buffer.from(body) })),
      );
      events.push(parts.devices);
    } else events.push(event);
  }
  assert.deepEqual(
    events.map(({ type }) => type),
    WHOLE.map(({ type }) => type),
  );
  assert.ok(encode(...events).equals(whole));
  assert.ok(stream.finished);
  stream.end();
  assert.equal(stream.next(), undefined);
});

test('addresses of shared blocks are read where the source has them ignored', () => {
  const events: StreamEvent[] = [
    {
      ...parts.prologue,
      subsections: [{ name: 'capabilities', capabilities: ['x-ignore-shared'] }],
    },
    parts.start,
    {
      type: 'blocks',
      total: 3 * PAGE,
      blocks: [
        { name: 'ram', length: 2 * PAGE, guestAddress: 0x1_0000_0000 },
        { name: 'rom', length: PAGE, guestAddress: 0xfffc_0000 },
      ],
    },
    parts.endOfRam,
    parts.footer,
  ];
  const bytes = encode(...events);
  assert.ok(read(bytes).bytes.equals(bytes));
});

test('wherever the bytes are cut, the same is read', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: whole.length }), { maxLength: 60 }), (cuts) => {
      const { bytes, finished, error } = read(
        whole,
        cuts.toSorted((a, b) => a - b),
      );
      assert.equal(error, undefined);
      assert.ok(finished);
      assert.ok(bytes.equals(whole));
    }),
    { numRuns: 200 },
  );
  const every = Array.from({ length: whole.length }, (_, i) => i);
  assert.ok(read(whole, every).bytes.equals(whole), 'byte by byte');
});

test('wherever it ends too early, that is said, and what was read is a beginning of it', () => {
  for (
    let length = 0;
    length < whole.length;
    length += length < 600 || length > whole.length - 900 ? 1 : 97
  ) {
    const { bytes, finished, error } = read(whole.subarray(0, length));
    assert.ok(!finished);
    assert.ok(error instanceof Error && 'code' in error, `nothing was wrong with ${length} bytes`);
    assert.equal(error.code, 'ERR_QEMU_TRUNCATED', error.message);
    assert.ok(whole.subarray(0, bytes.length).equals(bytes));
  }
});

test('a stream that begins section after section within its limits is read in constant memory', () => {
  const stream = new MainStream();
  stream.feed(encode(...WHOLE.slice(0, 8)));
  while (stream.next() !== undefined);
  const round = encode(parts.part, parts.zeroes, parts.flush, parts.endOfRam, parts.footer);
  const before = stream.offset;
  for (let i = 0; i < 2000; i++) {
    stream.feed(round.slice());
    while (stream.next() !== undefined);
    assert.ok(!stream.within);
  }
  assert.equal(stream.offset - before, 2000 * round.length);
});
