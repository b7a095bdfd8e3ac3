import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { address, padding, struct, u8, u16, u32, u64 } from '../../src/wire/index.ts';

const Everything = struct('everything', {
  byte: u8,
  short: u16,
  gap: padding(3),
  word: u32,
  long: u64,
  place: address,
});

test('fields lie in order, little-endian, padding as zeroes', () => {
  const bytes = Everything.encode({ byte: 1, short: 0x0302, word: 0x07060504, long: 8n, place: 2 ** 40 });
  assert.equal(
    Buffer.from(bytes).toString('hex'),
    ['01', '0203', '000000', '04050607', '0800000000000000', '0000000000010000'].join(''),
  );
});

test('what was written is read back, at any offset', () => {
  fc.assert(
    fc.property(
      fc.record({
        byte: fc.integer({ min: 0, max: 0xff }),
        short: fc.integer({ min: 0, max: 0xffff }),
        word: fc.integer({ min: 0, max: 0xffffffff }),
        long: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        place: fc.maxSafeNat(),
      }),
      fc.integer({ min: 0, max: 9 }),
      (value, at) => {
        const bytes = new Uint8Array(Everything.size + at).fill(0xff);
        Everything.encodeInto(value, bytes, at);
        assert.deepEqual(Everything.decode(bytes, at), { ...value });
      },
    ),
  );
});

test('too few bytes and addresses from 2^53 on are refused, the field named', () => {
  assert.throws(() => Everything.decode(new Uint8Array(25)), { code: 'ERR_TRUNCATED', field: 'everything' });
  const bytes = new Uint8Array(Everything.size);
  bytes[24] = 0x20;
  assert.throws(() => Everything.decode(bytes), {
    code: 'ERR_NUMBER_TOO_LARGE',
    field: 'everything.place',
    offset: 18,
  });
});
