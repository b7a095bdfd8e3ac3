import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32c } from '@node-rs/crc32';
import { encodeMessage, MessageDecoder } from '../../../src/engine/transfer/control/codec.ts';
import { MAGIC, MESSAGE_KINDS, type Message } from '../../../src/engine/transfer/control/messages.ts';
import { MAX_MESSAGE } from '../../../src/engine/transfer/limits.ts';
import { DecodeError } from '../../../src/errors.ts';
import { ALL_MESSAGES, OPEN } from './transfer-messages.ts';

function decode(chunks: readonly Uint8Array[]): Message[] {
  const decoder = new MessageDecoder();
  const messages: Message[] = [];
  for (const chunk of chunks) messages.push(...decoder.push(chunk));
  assert.ok(decoder.atBoundary);
  return messages;
}

/** Give the message in `bytes`, which was changed, the checksum that it has now. */
function sealed(bytes: Uint8Array): Uint8Array {
  const copy = Buffer.from(bytes);
  copy.writeUInt32BE(crc32c(copy.subarray(0, -4)), copy.length - 4);
  return copy;
}

/** `message` with the bytes of its body replaced. */
function withBody(kind: Message['kind'], body: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(12 + body.length + 4);
  bytes.writeUInt32BE(MAGIC, 0);
  bytes.writeUInt16BE(MESSAGE_KINDS.indexOf(kind) + 1, 4);
  bytes.writeUInt32BE(body.length, 8);
  bytes.set(body, 12);
  return sealed(bytes);
}

test('every kind of message comes back as it went', () => {
  assert.deepEqual(new Set(ALL_MESSAGES.map(({ kind }) => kind)), new Set(MESSAGE_KINDS));
  for (const message of ALL_MESSAGES) assert.deepEqual(decode([encodeMessage(message)]), [message]);
});

test('messages do not care how the stream is cut', () => {
  const stream = Buffer.concat(ALL_MESSAGES.map(encodeMessage));
  for (const size of [1, 2, 3, 7, 13, 64, stream.length]) {
    const chunks = Array.from({ length: Math.ceil(stream.length / size) }, (_, i) =>
      stream.subarray(i * size, (i + 1) * size),
    );
    assert.deepEqual(decode(chunks), ALL_MESSAGES, `in pieces of ${size}`);
  }
});

test('the layout is the one that is written down', () => {
  const bytes = Buffer.from(encodeMessage({ kind: 'received', device: 0x0102, below: 0x03040506 }));
  assert.equal(bytes.toString('hex').slice(0, -8), '46524354000800000000000601020304' + '0506');
  assert.equal(bytes.readUInt32BE(bytes.length - 4), crc32c(bytes.subarray(0, -4)));
});

test('texts that are too long are cut between characters', () => {
  const [message] = decode([encodeMessage({ kind: 'cancel', why: `${'x'.repeat(4095)}é and more` })]);
  assert.deepEqual(message, { kind: 'cancel', why: 'x'.repeat(4095) });
});

const barrier = Buffer.from(encodeMessage({ kind: 'barrier', n: 7 }));

/** `bytes` with some of them changed. */
function changed(bytes: Uint8Array, at: number, ...values: number[]): Buffer {
  const copy = Buffer.from(bytes);
  copy.set(values, at);
  return copy;
}

const openBytes = Buffer.from(encodeMessage(OPEN));
const openBody = openBytes.subarray(12, -4);
/** Where a field of OPEN lies in its body. */
const at = { oneWay: 4, method: 26, deviceMethod: 27, checksum: 28, blocks: 29, blockName: 31 };

/** What must be refused: the bytes, and what the message has to say. */
const HOSTILE: readonly [string, Uint8Array, RegExp][] = [
  ['another magic', changed(barrier, 0, 0x51), /magic at byte 0: 0x51524354, expected 0x46524354/],
  ['kind 0', sealed(changed(barrier, 4, 0, 0)), /kind at byte 4: 0, known are 1 to/],
  ['a kind to come', sealed(changed(barrier, 4, 0, 99)), /kind at byte 4: 99/],
  ['a reserved bit', sealed(changed(barrier, 7, 1)), /reserved at byte 6: 1, expected 0/],
  ['a length beyond the limit', changed(barrier, 8, 0xff, 0xff, 0xff, 0xff), /at most 1048576 are allowed/],
  ['one byte beyond the limit', changed(barrier, 8, 0, 0x0f, 0xff, 0xf1), /1048577 bytes, at most 1048576/],
  ['a flipped bit of the body', changed(barrier, 15, 6), /checksum at byte 16/],
  ['a flipped bit of the checksum', changed(barrier, 17, barrier[17]! ^ 1), /checksum at byte 16/],
  [
    'a body too short',
    withBody('barrier', new Uint8Array(3)),
    /barrier\.n at byte 0: 3 bytes left, expected 4/,
  ],
  [
    'a body too long',
    withBody('barrier', new Uint8Array(5)),
    /barrier\.end at byte 4: 1 bytes after the last/,
  ],
  ['a body where none is', withBody('loaded', new Uint8Array(1)), /loaded\.end at byte 0/],
  [
    'a flag that is 2',
    withBody('open', changed(openBody, at.oneWay, 2)),
    /open\.oneWay at byte \d+: 2, expected 0 or 1/,
  ],
  [
    'method 0',
    withBody('open', changed(openBody, at.method, 0)),
    /open\.method at byte \d+: 0, known are 1 to 3/,
  ],
  ['method 4', withBody('open', changed(openBody, at.method, 4)), /open\.method .*: 4, known are 1 to 3/],
  [
    'a method that device state does not have',
    withBody('open', changed(openBody, at.deviceMethod, 3)),
    /open\.deviceMethod .*: 3, known are 1 to 2/,
  ],
  [
    'more blocks than are allowed',
    withBody('open', changed(openBody, at.blocks, 0xff, 0xff)),
    /open\.blocks .*: 65535 entries, at most 1024 are allowed/,
  ],
  [
    'more blocks than there are',
    withBody('open', changed(openBody, at.blocks, 0x04, 0x00)),
    /open\.blocks\[\d+\]/,
  ],
  [
    'a name beyond its limit',
    withBody('open', changed(openBody, at.blockName, 0x01, 0x00)),
    /open\.blocks\[0\]\.name at byte \d+: a text of 256 bytes, at most 255/,
  ],
  [
    'a name that is no text',
    withBody('open', changed(openBody, at.blockName + 2, 0xc3, 0x28)),
    /open\.blocks\[0\]\.name .*: bytes that are no UTF-8/,
  ],
  [
    'a number beyond 2^53',
    withBody('accept', Buffer.from('00010020000000000000', 'hex')),
    /accept\.budget at byte 2: 0x20000000000000 is beyond 2\^53/,
  ],
];

for (const [what, bytes, says] of HOSTILE)
  test(`refused: ${what}`, () => {
    assert.throws(
      () => decode([bytes]),
      (error: unknown) => error instanceof DecodeError && says.test(error.message),
    );
  });

test('where in the stream something is wrong is said', () => {
  const bad = changed(barrier, 0, 0);
  assert.throws(() => decode([Buffer.concat([barrier, barrier, bad])]), /message\.magic at byte 40:/);
});

test('a message in the middle is no end', () => {
  const decoder = new MessageDecoder();
  assert.deepEqual([...decoder.push(barrier.subarray(0, 11))], []);
  assert.ok(!decoder.atBoundary);
});

test('a message of many small pieces is not copied with each', () => {
  const why = 'y'.repeat(4096);
  const stream = Buffer.concat(Array.from({ length: 100 }, () => encodeMessage({ kind: 'cancel', why })));
  const pieces = Array.from(stream, (_, i) => stream.subarray(i, i + 1));
  assert.equal(decode(pieces).length, 100);
});

test('what nobody would accept cannot be said', () => {
  const blocks = Array.from({ length: 5000 }, () => ({
    name: 'b'.repeat(255),
    length: 4096,
  }));
  assert.throws(() => encodeMessage({ ...OPEN, blocks }), new RegExp(`at most ${MAX_MESSAGE} go`));
});
