/** Every way known of a main stream that is wrong: each is refused by name, at its place. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamError } from '../../../src/qemu-stream/index.ts';
import { DESCRIPTION, encode, hex, parts, read, WHOLE } from '../../unit/qemu-stream/streams.ts';
import { DEVICES } from './devices.ts';
import { RAM } from './ram.ts';
import { toDevices, u32 } from './row.ts';
import { SECTIONS } from './sections.ts';

for (const { what, bytes, code, says, limits } of [...SECTIONS, ...RAM, ...DEVICES])
  test(`refused: ${what}`, () => {
    const whole = read(bytes, [], limits);
    const byByte = read(
      bytes,
      Array.from({ length: bytes.length }, (_, i) => i),
      limits,
    );
    for (const { error, bytes: again, finished } of [whole, byByte]) {
      assert.ok(error instanceof StreamError, `taken, ${String(error)}`);
      assert.equal(error.code, code, error.message);
      assert.match(error.message, says);
      assert.ok(!finished);
      assert.ok(
        Buffer.from(bytes).subarray(0, again.length).equals(again),
        'what was read is not what was sent',
      );
    }
  });

test('refused: something after the end', () => {
  const bytes = encode(...WHOLE);
  const later = read(encode(bytes, hex('00')), [bytes.length]);
  assert.ok(later.finished);
  assert.ok(later.error instanceof StreamError);
  assert.equal(later.error.code, 'ERR_QEMU_TRAILING');
  // At once, the description does not end where the bytes end, and is none
  const atOnce = read(encode(bytes, hex('00')));
  assert.ok(!atOnce.finished);
  assert.ok(atOnce.error instanceof StreamError);
  assert.equal(atOnce.error.code, 'ERR_QEMU_TRUNCATED');
});

test('what a guest puts into the state of a device to look like the end is not taken for it', () => {
  const { devices: state } = parts;
  // A whole description of everything before it, as the contents of the last device
  const forged = Buffer.from(JSON.stringify({ devices: [DESCRIPTION.devices[0]] }));
  const body = encode(hex(`00 06 ${u32(forged.length)}`), forged, hex('00'));
  const [timer, raw] = DESCRIPTION.devices;
  const description = Buffer.from(
    JSON.stringify({ devices: [timer, { ...raw, fields: [{ size: body.length }] }] }),
  );
  const bytes = encode(toDevices, {
    type: 'devices',
    sections: [state.sections[0], { ...state.sections[1], body }],
    description,
  });
  const cut = bytes.indexOf(forged) + forged.length;
  for (const cuts of [[], [cut], [cut - 1, cut, cut + 1]]) {
    const { finished, error, bytes: again } = read(bytes, cuts);
    assert.equal(error, undefined);
    assert.ok(finished);
    assert.ok(again.equals(bytes));
  }
});
