import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeHello, encodeHello, Feature } from '../../../src/engine/channels/index.ts';

const uuid = new Uint8Array(Buffer.from('00112233445566778899aabbccddeeff', 'hex'));
const expected = { uuid, channels: 4, extended: false };
const extended = { uuid, channels: 4, extended: true };

/** Byte for byte as real QEMU sends it for channel 2 of a machine with this UUID. */
const stock = `1122334400000001${Buffer.from(uuid).toString('hex')}02${'00'.repeat(39)}`;
const extension = { features: Feature.checksum, attempt: 3, barriersSeen: 5 };
const own =
  `1122334400000001${Buffer.from(uuid).toString('hex')}02` +
  `01000100000000${'0000000000000003'}${'0000000000000005'}${'00'.repeat(16)}`;

function bytesOf(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'));
}

test('a hello is what QEMU sends, and in extended mode uses what QEMU leaves unused', () => {
  assert.equal(Buffer.from(encodeHello({ uuid, id: 2 })).toString('hex'), stock);
  assert.deepEqual(decodeHello(bytesOf(stock), expected), { uuid, id: 2 });
  assert.equal(Buffer.from(encodeHello({ uuid, id: 2, extension })).toString('hex'), own);
  assert.deepEqual(decodeHello(bytesOf(own), extended), { uuid, id: 2, extension });
});

type Row = readonly [what: string, hex: string, at: number, bytes: string, message: RegExp];

const hostile: readonly Row[] = [
  ['magic', stock, 0, '11223345', /magic at byte 0: 0x11223345/],
  ['version 0', stock, 4, '00000000', /version at byte 4: 0, expected 1/],
  ['version 2', stock, 4, '00000002', /version at byte 4: 2/],
  [
    'another machine',
    stock,
    8,
    'ff',
    /uuid at byte 8: ff112233-4455-6677-8899-aabbccddeeff, expected 00112233/,
  ],
  ['the last byte of the UUID', stock, 23, '00', /uuid at byte 8/],
  ['as many as there are channels', stock, 24, '04', /id at byte 24: 4, expected less than 4/],
  ['id 255', stock, 24, 'ff', /id at byte 24: 255/],
  ['an extension for a stock peer', stock, 25, '01', /extension at byte 25: version 1, but no extension/],
  ['unused bytes', stock, 31, '01', /reserved at byte 31: 0x1/],
  ['the last unused byte', stock, 63, '80', /reserved at byte 63: 0x80/],
  ['no extension', own, 25, '00', /extension at byte 25: version 0: a stock peer/],
  ['extension 2', own, 25, '02', /extension at byte 25: version 2, expected 1/],
  ['first reserved word', own, 28, '01', /reserved at byte 28/],
  ['attempt', own, 32, '0000000080000000', /attempt at byte 32: 2147483648/],
  ['a huge attempt', own, 32, 'ffffffffffffffff', /attempt at byte 32: 18446744073709551615/],
  ['barriers', own, 40, '0000000100000000', /barriers at byte 40/],
  ['reserved end', own, 48, '01', /reserved at byte 48/],
];

test('a hello that is wrong in any field is refused, naming the field and its place', () => {
  for (const [what, hex, at, bytes, message] of hostile) {
    const hello = bytesOf(hex);
    hello.set(bytesOf(bytes), at);
    const against = hex === stock ? expected : extended;
    assert.throws(() => decodeHello(hello, against), { code: 'ERR_HELLO', message }, what);
  }
  for (const length of [0, 63, 65])
    assert.throws(() => decodeHello(new Uint8Array(length), expected), { code: 'ERR_HELLO' });
});
