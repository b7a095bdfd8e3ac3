/** Device state as a kind of payload: what its packets look like, and that they bring over what was put in. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ReceiveSlots, SendSlots, SlotSink, SlotSource } from '../../../src/engine/slots/index.ts';
import { DISK, NIC, packetOf, pattern, ReceivingHalf, SendingHalf, SLOT_BYTES } from './device-state-rig.ts';

const devices = [DISK, NIC];

function sendSlots(credits = true, slots = 8): SendSlots {
  return new SendSlots({ devices, slots, bell: new SharedArrayBuffer(4), credits });
}

function receiveSlots(credits = true, slots = 8): ReceiveSlots {
  return new ReceiveSlots({ devices, slots, credits });
}

function readAll(slots: ReceiveSlots, device: number): Buffer {
  const source = new SlotSource(slots.source(device, { within: 1000 }));
  const pieces: Buffer[] = [];
  const into = Buffer.alloc(300_000);
  for (let count = source.read(into); count > 0; count = source.read(into))
    pieces.push(Buffer.from(into.subarray(0, count)));
  return Buffer.concat(pieces);
}

function write(slots: SendSlots, device: number, bytes: Uint8Array): void {
  const sink = new SlotSink(slots.sink(device, { within: 1000 }));
  sink.write(bytes);
  sink.end();
}

function allow(from: ReceiveSlots, to: SendSlots): void {
  for (const d of devices.keys()) {
    to.setCredit(d, from.credit(d));
    to.received(d, from.device(d).received - 1);
  }
}

describe('device-state packets', () => {
  it('look as QEMU has them, and as the same layout says that was written down apart', () => {
    using slots = sendSlots(false);
    using half = new SendingHalf(slots, 0, false);
    const state = pattern(SLOT_BYTES + 5, 1);
    write(slots, 1, state);
    assert.deepEqual(half.drain(), [
      packetOf({ name: NIC, index: 0, data: state.subarray(0, SLOT_BYTES) }),
      packetOf({ name: NIC, index: 1, bufferFlags: 1, data: state.subarray(SLOT_BYTES) }),
    ]);
    assert.equal(slots.device(1).held, 0, 'written slots are free where nobody says what arrived');
  });

  it('bring states over in any order of packets, each device its own', () => {
    using from = sendSlots();
    using to = receiveSlots();
    using half = new SendingHalf(from);
    const reader = new ReceivingHalf(to);
    const states = [pattern(3 * SLOT_BYTES, 2), pattern(2 * SLOT_BYTES + 77, 3)];
    for (const [d, state] of states.entries()) write(from, d, state);
    assert.deepEqual(half.drain(), [], 'nothing is sent without credits');
    allow(to, from);
    for (const packet of half.drain().reverse()) reader.read(packet);
    assert.deepEqual(
      devices.map((_, d) => to.device(d).received),
      [4, 3],
    );
    for (const [d, state] of states.entries()) assert.ok(readAll(to, d).equals(state));
    assert.ok(to.device(0).loaded && to.device(1).loaded);
    allow(to, from);
    assert.deepEqual([from.device(0).held, from.device(1).held], [0, 0]);
  });

  it('take turns between devices', () => {
    using from = sendSlots(false);
    using half = new SendingHalf(from);
    for (const d of devices.keys()) write(from, d, pattern(2 * SLOT_BYTES, d));
    const order = half.drain().map((packet) => Buffer.from(packet).readUInt32BE(268));
    assert.deepEqual(order, [0, 7, 0, 7, 0, 7]);
  });

  it('are sent again when their channel breaks, and dropped where they have come', () => {
    using from = sendSlots();
    using to = receiveSlots();
    allow(to, from);
    using broken = new SendingHalf(from, 0);
    using other = new SendingHalf(from, 1);
    const reader = new ReceivingHalf(to);
    const state = pattern(3 * SLOT_BYTES + 9, 4);
    write(from, 0, state);
    const sent = broken.drain();
    assert.equal(sent.length, 4);
    reader.read(sent[0]!);
    reader.read(sent[2]!);
    // Only what came without a gap is known to have arrived
    allow(to, from);
    assert.equal(from.lostBy(0), 3);
    const again = other.drain();
    assert.deepEqual(
      again.map((packet) => [Buffer.from(packet).readUInt32BE(8), Buffer.from(packet).readUInt32BE(280)]),
      [
        [0x240, 1],
        [0x240, 2],
        [0x240, 3],
      ],
    );
    for (const packet of again) reader.read(packet);
    assert.ok(readAll(to, 0).equals(state));
  });

  it('may be without data', () => {
    using to = receiveSlots();
    const reader = new ReceivingHalf(to);
    reader.read(packetOf({ index: 1, data: pattern(10, 5) }));
    reader.read(packetOf({ index: 0 }));
    reader.read(packetOf({ index: 2, bufferFlags: 1 }));
    assert.ok(readAll(to, 0).equals(pattern(10, 5)));
  });

  it('are not kept where their device was given up', () => {
    using to = receiveSlots();
    const reader = new ReceivingHalf(to);
    reader.read(packetOf({ index: 0, data: pattern(10, 5) }));
    reader.read(packetOf({ index: 1, data: pattern(10, 5) }));
    to.abort(0);
    reader.read(packetOf({ index: 2, data: pattern(10, 5) }));
    assert.equal(to.device(0).held, 1, 'what may be being loaded stays');
    assert.throws(() => readAll(to, 0), {
      code: 'ERR_SLOT_CANCELLED',
      message: 'Loading 0000:00:02.0/vfio was given up',
    });
    reader.read(packetOf({ name: NIC, index: 0, bufferFlags: 1, data: pattern(10, 6) }));
    assert.ok(readAll(to, 1).equals(pattern(10, 6)));
  });

  it('are not sent of a device that was given up', () => {
    using from = sendSlots(false);
    using half = new SendingHalf(from);
    write(from, 0, pattern(10, 1));
    write(from, 1, pattern(10, 2));
    from.abort(0);
    assert.deepEqual(half.drain(), [packetOf({ name: NIC, bufferFlags: 1, data: pattern(10, 2) })]);
    assert.throws(() => write(from, 0, pattern(10, 1)), { code: 'ERR_SLOT_CANCELLED' });
  });
});

describe('waiting for slots', () => {
  it('ends with what is missing where nobody sends', () => {
    using from = sendSlots(true, 4);
    const sink = new SlotSink(from.sink(0, { within: 20 }));
    assert.throws(() => sink.write(pattern(3 * SLOT_BYTES, 1)), {
      code: 'ERR_SLOT_WAIT',
      message:
        'No slot came free for 0000:00:02.0/vfio within 20 ms: 2 slots in use, 2 buffers posted, 0 written, 0 received, 0 allowed',
    });
  });

  it('ends with what is missing where nothing comes', () => {
    using to = receiveSlots(true, 4);
    new ReceivingHalf(to).read(packetOf({ name: NIC, index: 1, data: pattern(1, 1) }));
    const source = new SlotSource(to.source(1, { within: 20 }));
    assert.throws(() => source.read(new Uint8Array(10)), {
      code: 'ERR_SLOT_WAIT',
      message:
        'Buffer 0 of 0000:00:03.0/vfio/7 did not come within 20 ms: 1 slots hold later ones, 0 came in order, 2 may be sent, an unknown number in all',
    });
  });

  it('is refused after the end', () => {
    using from = sendSlots(false);
    const sink = new SlotSink(from.sink(0));
    sink.end();
    assert.throws(() => sink.write(pattern(1, 1)), { code: 'ERR_SLOT_ENDED' });
  });

  it('needs two slots for each device', () => {
    assert.throws(() => sendSlots(true, 3), {
      code: 'ERR_SLOT_LIMITS',
      message: '3 slots for 2 devices, expected 4 (2 each) to 16384',
    });
  });
});
