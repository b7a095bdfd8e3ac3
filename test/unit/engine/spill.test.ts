/** Buffers that come before there is a slot for them, from peers that know no credits. */
import assert from 'node:assert/strict';
import { closeSync, fstatSync, mkdtempSync, openSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { createKind } from '../../../src/engine/payloads/device-state.ts';
import { ReceiveSlots, SlotSource } from '../../../src/engine/slots/index.ts';
import { channelFacts } from '../../support/engine/packets.ts';
import { DISK, packetOf, pattern, ReceivingHalf, SLOT_BYTES } from './device-state-rig.ts';

const folder = mkdtempSync(join(tmpdir(), 'ferry-spill-'));
after(() => rmSync(folder, { recursive: true }));

const SLOTS = 4;

function slotsWith(limit: number): ReceiveSlots {
  return new ReceiveSlots({ devices: [DISK], slots: SLOTS, credits: false, spill: { folder, limit } });
}

/** Packets of a state of `count` buffers, the last one first. */
function backwards(count: number, length = SLOT_BYTES): Buffer[] {
  const forwards = Array.from({ length: count }, (_, index) =>
    packetOf({ index, bufferFlags: index + 1 === count ? 1 : 0, data: pattern(length, index) }),
  );
  return forwards.reverse();
}

function loadOne(source: SlotSource, index: number, length = SLOT_BYTES): void {
  const into = Buffer.alloc(length);
  for (let got = 0; got < length; ) got += source.read(into.subarray(got));
  assert.ok(into.equals(pattern(length, index)), `buffer ${index}`);
}

function loadAll(slots: ReceiveSlots, count: number, length = SLOT_BYTES): void {
  const source = new SlotSource(slots.source(0, { within: 1000 }));
  for (let index = 0; index < count; index++) loadOne(source, index, length);
  assert.equal(source.read(Buffer.alloc(1)), 0);
}

describe('a spill file', () => {
  it('takes what comes in the worst order, and gives the space back', () => {
    using slots = slotsWith(40 * SLOT_BYTES);
    const reader = new ReceivingHalf(slots, 0, false);
    for (const packet of backwards(30)) reader.read(packet);
    assert.deepEqual([slots.device(0).held, slots.device(0).spilled], [SLOTS, 30 - SLOTS]);
    const { file } = slots.start.spill!;
    assert.ok(fstatSync(file).blocks * 512 >= (30 - SLOTS) * SLOT_BYTES);
    assert.deepEqual(readdirSync(folder), [], 'it has no name');
    loadAll(slots, 30);
    assert.deepEqual([slots.device(0).spilled, fstatSync(file).blocks], [0, 0]);
  });

  it('has no more in it than its limit says', () => {
    using slots = slotsWith(3 * SLOT_BYTES);
    const reader = new ReceivingHalf(slots, 0, false);
    const packets = backwards(12);
    for (const packet of packets.slice(0, 3)) reader.read(packet);
    assert.throws(() => reader.read(packets[3]!), {
      code: 'ERR_SPILL',
      message:
        `Buffer 8 of 0000:00:02.0/vfio comes before there is a slot for it, and the spill file in ${folder} is full, its limit ` +
        'is 3145728 bytes: 0000:00:02.0/vfio has loaded 0 and waits for buffer 0',
    });
    // What fits into slots still comes, and its loading makes room for what could not be kept
    const source = new SlotSource(slots.source(0, { within: 1000 }));
    for (const [from, to] of [
      [0, 4],
      [4, 8],
      [8, 9],
    ] as const) {
      for (let index = from; index < to; index++) reader.read(packets[11 - index]!);
      for (let index = from; index < to; index++) loadOne(source, index);
    }
    for (let index = 9; index < 12; index++) loadOne(source, index);
    assert.equal(slots.device(0).spilled, 0);
  });

  it('counts small buffers as what a file system gives out for them', () => {
    using slots = slotsWith(SLOT_BYTES);
    const reader = new ReceivingHalf(slots, 0, false);
    const packets = backwards(8, 100);
    for (const packet of packets.slice(0, 4)) reader.read(packet);
    // Four places for each MiB: then there are no more, however short the buffers
    assert.equal(slots.device(0).spilled, 4);
    for (const packet of packets.slice(4)) reader.read(packet);
    loadAll(slots, 8, 100);
  });

  it('names a disk that is full', () => {
    using slots = slotsWith(8 * SLOT_BYTES);
    // Whatever is written there fails as on a full disk, by the kernel's own word
    const file = openSync('/dev/full', 'r+');
    try {
      const start = { ...slots.start, spill: { file, folder: '/full/disk', limit: 8 * SLOT_BYTES } };
      const sink = createKind(start, channelFacts('receive', 0, 4, false)).sink!;
      const reader = new ReceivingHalf(slots, 0, false, sink);
      assert.throws(() => reader.read(backwards(9)[0]!), {
        code: 'ERR_SPILL',
        message:
          'The spill file in /full/disk did not write 1048576 bytes: ENOSPC. Up to 8388608 bytes may be needed there',
      });
      assert.equal(slots.device(0).spilled, 0);
    } finally {
      closeSync(file);
    }
  });

  it('is refused where it would lie in memory, or cannot be made', () => {
    const made = (where: string) =>
      new ReceiveSlots({ devices: [DISK], slots: 2, credits: false, spill: { folder: where, limit: 1 } });
    assert.throws(() => made('/dev/shm'), {
      code: 'ERR_SPILL',
      message: '/dev/shm is on a tmpfs, which is memory: what is spilled has to go to a disk',
    });
    // The second knows no files without a name, and makes none with one either
    for (const where of [join(folder, 'missing'), '/proc'])
      assert.throws(() => made(where), {
        code: 'ERR_SPILL',
        message: new RegExp(`^No spill file can be made in ${where}: E`),
      });
  });
});
