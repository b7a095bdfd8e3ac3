import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createMemfd, mapShared } from '../../src/sys/index.ts';
import { ChainReader, ChainWriter, DescriptorChain, Segments } from '../../src/virtio/index.ts';

/** Segments of the given lengths, each within an array of its own and off its start; bytes count up from 1. */
function counting(lengths: readonly number[]): Segments {
  const segments = new Segments();
  let next = 1;
  for (const length of lengths) {
    const bytes = new Uint8Array(length + 7).fill(0xee);
    for (let i = 0; i < length; i++) bytes[3 + i] = next++ & 0xff;
    segments.push(bytes, 3, length, 0x1000);
  }
  return segments;
}

function contents(segments: Segments): Uint8Array {
  const all = new Uint8Array(segments.total);
  new ChainReader(segments).read(all);
  return all;
}

const shapes = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 0, maxLength: 6 });
const steps = fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 8 });

test('a reader gives the same bytes however the chain and the reads are cut', () => {
  fc.assert(
    fc.property(shapes, steps, (lengths, reads) => {
      const segments = counting(lengths);
      const whole = contents(segments);
      const reader = new ChainReader(segments);
      let at = 0;
      for (const length of reads) {
        const into = new Uint8Array(length + 2).fill(0x55);
        const count = reader.read(into, 1, length);
        assert.equal(count, Math.min(length, whole.length - at));
        assert.deepEqual(into.subarray(1, 1 + count), whole.subarray(at, at + count));
        assert.equal(into[0], 0x55);
        assert.equal(into[1 + count], 0x55);
        at += count;
        assert.equal(reader.position, at);
        assert.equal(reader.remaining, whole.length - at);
      }
      reader.rewind();
      const skipped = reader.skip(reads[0] ?? 3);
      const rest = new Uint8Array(whole.length);
      assert.equal(reader.read(rest), whole.length - skipped);
      assert.deepEqual(rest.subarray(0, whole.length - skipped), whole.subarray(skipped));
    }),
  );
});

test('a writer puts bytes in order, within its segments only, and counts them', () => {
  fc.assert(
    fc.property(shapes, steps, (lengths, writes) => {
      const segments = counting(lengths);
      const expected = contents(segments);
      const writer = new ChainWriter(segments);
      let at = 0;
      for (const [turn, length] of writes.entries()) {
        const from = new Uint8Array(length).fill(turn + 100);
        const count = turn % 2 === 0 ? writer.write(from) : writer.fill(turn + 100, length);
        assert.equal(count, Math.min(length, expected.length - at));
        expected.fill(turn + 100, at, at + count);
        at += count;
        assert.equal(writer.written, at);
      }
      assert.deepEqual(contents(segments), expected);
      for (let i = 0; i < segments.count; i++) {
        assert.deepEqual([...segments.ranges[i]!.bytes.subarray(0, 3)], [0xee, 0xee, 0xee]);
        assert.deepEqual([...segments.ranges[i]!.bytes.subarray(-4)], [0xee, 0xee, 0xee, 0xee]);
      }
    }),
  );
});

test('bytes are copied to and from beyond 4 GiB of another memory', () => {
  using fd = createMemfd('large', 5 * 2 ** 30);
  using large = mapShared(fd, 0, 5 * 2 ** 30);
  const far = 2 ** 32 + 77;
  for (const length of [3, 200]) {
    const segments = counting([length]);
    const whole = contents(segments);
    new ChainReader(segments).read(large.bytes, far, length);
    assert.deepEqual(large.bytes.slice(far, far + length), whole);
    assert.equal(large.bytes[77], 0);
    const back = counting([length]);
    back.ranges[0]!.bytes.fill(0);
    new ChainWriter(back).write(large.bytes, far, length);
    assert.deepEqual(contents(back), whole);
  }
});

test('a header may be written after its body, and an answer may be given up for a shorter one', () => {
  const segments = counting([10, 10, 10]);
  const writer = new ChainWriter(segments);
  writer.seek(16);
  writer.write(new Uint8Array(8).fill(2));
  writer.seek(0);
  writer.write(new Uint8Array(16).fill(1));
  assert.equal(writer.written, 24);
  assert.deepEqual([...contents(segments).subarray(0, 25)], [...Array(16).fill(1), ...Array(8).fill(2), 25]);
  writer.rewind();
  writer.write(new Uint8Array(4));
  assert.equal(writer.written, 4);
  assert.equal(writer.touched, 24);
});

test('a clone keeps the request when the chain is filled again', () => {
  const chain = new DescriptorChain();
  chain.clear(7);
  chain.readable.segments.push(new Uint8Array([1, 2, 3]));
  chain.writable.segments.push(new Uint8Array(5));
  const clone = chain.clone();
  chain.clear(9);
  assert.equal(chain.readable.length, 0);
  assert.equal(clone.head, 7);
  assert.deepEqual([...contents(clone.readable.segments)], [1, 2, 3]);
  assert.equal(clone.writable.remaining, 5);
});

test('a deferred request follows its memory to a new mapping, and is refused once the memory is gone', () => {
  const before = new Uint8Array(64).fill(1);
  const after = new Uint8Array(64).fill(2);
  let range: { guestAddress: number; size: number; bytes: Uint8Array } | undefined = {
    guestAddress: 0x1000,
    size: 64,
    bytes: before,
  };
  const source = { generation: 0, find: () => range };
  const chain = new DescriptorChain();
  chain.clear(0, source);
  chain.writable.segments.push(before, 8, 8, 0x1008);
  const deferred = chain.clone();
  source.generation++;
  range = { guestAddress: 0x1000, size: 64, bytes: after };
  deferred.writable.write(new Uint8Array([9, 9]));
  assert.equal(before[8], 1);
  assert.deepEqual([...after.subarray(7, 11)], [2, 9, 9, 2]);
  source.generation++;
  range = undefined;
  assert.throws(() => deferred.writable.fill(0, 1), { code: 'ERR_MEMORY_GONE' });
});

test('with views by words the same bytes are copied, wherever they begin and end', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(9), fc.integer({ min: 1, max: 300 })), { minLength: 1, maxLength: 5 }),
      fc.nat(9),
      (pieces, at) => {
        const memory = new Uint8Array(2048).map((_, i) => i * 7);
        const range = { guestAddress: 0, size: 2048, bytes: memory, words: new Uint32Array(memory.buffer) };
        const segments = new Segments();
        let next = 0;
        for (const [gap, length] of pieces) {
          segments.append(range, next + gap, length);
          next += gap + length;
        }
        const expected = contents(segments);
        const into = new Uint8Array(2048).fill(0xee);
        new ChainReader(segments).read(into, at, segments.total, new Uint32Array(into.buffer));
        assert.deepEqual(into.slice(at, at + segments.total), expected);
        assert.ok(into.subarray(0, at).every((byte) => byte === 0xee));
        assert.ok(into.subarray(at + segments.total).every((byte) => byte === 0xee));
        const outside = memory.slice();
        for (let i = 0; i < segments.count; i++)
          outside.fill(0, segments.offsets[i], segments.offsets[i]! + segments.lengths[i]!);
        const from = into.map((byte) => byte ^ 0xff);
        new ChainWriter(segments).write(from, at, segments.total, new Uint32Array(from.buffer));
        assert.deepEqual(contents(segments), from.slice(at, at + segments.total));
        for (let i = 0; i < segments.count; i++)
          memory.fill(0, segments.offsets[i], segments.offsets[i]! + segments.lengths[i]!);
        assert.deepEqual(memory, outside);
      },
    ),
  );
});
