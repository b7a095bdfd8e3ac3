/** Compressed buffers: what a pool makes of them, and what becomes of those that cannot be decompressed. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { CpuPool, ReceiveSlots, SendSlots, SlotSink, SlotSource } from '../../../src/engine/slots/index.ts';
import {
  DISK,
  NIC,
  packetOf,
  pattern,
  ReceivingHalf,
  SendingHalf,
  SLOT_BYTES,
  until,
} from './device-state-rig.ts';

const devices = [DISK, NIC];

function receiveSlots(): ReceiveSlots {
  return new ReceiveSlots({ devices, slots: 8, credits: true, compressed: true });
}

function unexpected(error: Error): void {
  throw error;
}

describe('a CPU pool', () => {
  it('compresses what becomes shorter, and leaves the rest as it is', async () => {
    using slots = new SendSlots({
      devices,
      slots: 8,
      bell: new SharedArrayBuffer(4),
      credits: true,
      compressed: true,
    });
    for (const d of devices.keys()) slots.setCredit(d, 9);
    using half = new SendingHalf(slots);
    const sink = new SlotSink(slots.sink(0));
    const text = pattern(SLOT_BYTES, 1);
    const noise = randomBytes(100_000);
    sink.write(text);
    sink.write(noise);
    sink.end();
    assert.deepEqual(half.drain(), [], 'nothing leaves before it was looked at');
    await using _pool = await CpuPool.start(slots, { threads: 2, onFailure: unexpected });
    const packets: Buffer[] = [];
    await until(slots, () => packets.push(...half.drain().map((one) => Buffer.from(one))) === 2);
    packets.sort((a, b) => a.readUInt32BE(280) - b.readUInt32BE(280));
    const [first, second] = packets;
    assert.deepEqual([first!.readUInt32BE(8), second!.readUInt32BE(8)], [0x140, 0x40]);
    assert.ok(first!.length < SLOT_BYTES / 4 && first!.readUInt32BE(272) === first!.length - 276);
    assert.ok(zstdDecompressSync(first!.subarray(288)).equals(text));
    assert.deepEqual(second, packetOf({ index: 1, bufferFlags: 1, data: noise }));
    assert.equal(slots.device(0).bytes, SLOT_BYTES + 100_000);
  });

  it('decompresses what comes so, whatever comes first, between what does not', async () => {
    using slots = receiveSlots();
    await using _pool = await CpuPool.start(slots, { threads: 2, onFailure: unexpected });
    const reader = new ReceivingHalf(slots);
    const pieces = [pattern(SLOT_BYTES, 1), pattern(5, 2), pattern(70_000, 3)];
    reader.read(packetOf({ flags: 0x140, index: 2, bufferFlags: 1, data: zstdCompressSync(pieces[2]!) }));
    reader.read(packetOf({ index: 1, data: pieces[1]! }));
    reader.read(packetOf({ flags: 0x140, index: 0, data: zstdCompressSync(pieces[0]!) }));
    assert.equal(slots.device(0).received, 3, 'it has come, though it is not loaded yet');
    const source = new SlotSource(slots.source(0));
    for (const piece of pieces) {
      const into = Buffer.alloc(piece.length);
      for (let got = 0; got < into.length; ) got += source.read(into.subarray(got));
      assert.ok(into.equals(piece));
    }
    assert.equal(source.read(Buffer.alloc(1)), 0);
  });

  const bomb = zstdCompressSync(Buffer.alloc(SLOT_BYTES + 1));
  const cut = zstdCompressSync(pattern(5000, 1)).subarray(0, -7);
  const damaged: readonly [what: string, data: Buffer, message: RegExp][] = [
    ['what is no frame', pattern(100, 1), /^device state of .*vfio\/7: buffer 3: /],
    ['nothing at all', Buffer.alloc(0), /^device state of .*vfio\/7: buffer 3: /],
    ['half a frame', cut, /^device state of .*vfio\/7: buffer 3: /],
    [
      'two frames',
      Buffer.concat([bomb, bomb]),
      /^device state of .*vfio\/7: buffer 3: .*a frame of \d+ bytes in \d+$/,
    ],
    ['a frame of more than a slot', bomb, /^device state of .*vfio\/7: buffer 3: .*more than 1048576 bytes$/],
  ];
  for (const [what, data, message] of damaged)
    it(`names ${what}`, async () => {
      using slots = receiveSlots();
      const failed = Promise.withResolvers<Error>();
      await using _pool = await CpuPool.start(slots, { threads: 1, onFailure: failed.resolve });
      new ReceivingHalf(slots).read(packetOf({ flags: 0x140, name: NIC, index: 3, data }));
      const error = await failed.promise;
      assert.match(error.message, message);
      assert.equal(Reflect.get(error, 'code'), 'ERR_BUFFER_DATA');
    });

  it('is not for peers without credits, and what is compressed is refused where nobody said so', () => {
    assert.throws(() => new ReceiveSlots({ devices, slots: 4, credits: false, compressed: true }), {
      code: 'ERR_SLOT_LIMITS',
    });
    using slots = new ReceiveSlots({ devices, slots: 4, credits: true });
    assert.throws(() => new ReceivingHalf(slots).read(packetOf({ flags: 0x140, data: bomb })), {
      code: 'ERR_PACKET_FLAGS',
      message: 'flags at byte 8: zstdFrame cannot be on a device-state packet',
    });
  });
});
