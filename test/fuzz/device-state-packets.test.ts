/** Any device-state packets: each is refused by name or kept, and what is loaded is what was kept, in order. */
import assert from 'node:assert/strict';
import { ReceiveSlots, SlotSource } from '../../src/engine/slots/index.ts';
import { FerryError } from '../../src/errors.ts';
import { EndOfPackets } from '../support/engine/packets.ts';
import { DISK, NIC, packetOf, pattern, ReceivingHalf } from '../unit/engine/device-state-rig.ts';
import { type Draw, fuzz } from './target.ts';

const devices = [DISK, NIC];
const SLOTS = 6;

/** A packet with likely fields, sometimes with some bytes of it changed or without its end. */
function anyPacket(draw: Draw): Buffer {
  const device = draw.below(2);
  const index = draw.once(12) ? 0xffff_ff00 + draw.below(256) : draw.below(8);
  const data = pattern(draw.below(40), draw.below(256));
  let bytes = packetOf({
    flags: draw.once(8) ? 0x40 | (1 << draw.below(10)) : draw.once(6) ? 0x240 : 0x40,
    name: devices[device]!,
    index,
    bufferFlags: draw.once(10) ? 1 : 0,
    data,
  });
  if (draw.once(6)) bytes[12 + draw.below(bytes.length - 12)] = draw.below(256);
  if (draw.once(12)) bytes = bytes.subarray(0, 12 + draw.below(bytes.length - 12));
  return bytes;
}

fuzz('device-state-packets', async (loop) => {
  let refused = 0;
  let loaded = 0;
  let cases = 0;
  await loop((draw) => {
    cases++;
    const extended = draw.once(2);
    using slots = new ReceiveSlots({ devices, slots: SLOTS, credits: extended });
    const readers = [0, 1].map((id) => new ReceivingHalf(slots, id, extended));
    const sources = devices.map((_, d) => new SlotSource(slots.source(d, { within: 0 })));
    const credits = [0, 0];
    const kept = devices.map(() => new Map<number, Buffer>());
    for (let steps = draw.below(30); steps > 0; steps--) {
      const bytes = anyPacket(draw);
      try {
        readers[draw.below(2)]!.read(bytes);
        keep(kept, bytes);
      } catch (error) {
        assert.ok(error instanceof FerryError || error instanceof EndOfPackets, String(error));
        refused++;
      }
      for (const [d, source] of sources.entries()) {
        const { credit, next, received } = slots.device(d);
        assert.ok(credit >= credits[d]!, 'a credit went down');
        credits[d] = credit;
        // A stock peer's packets would wait for what is at hand
        if (extended && !draw.once(3)) continue;
        while (slots.device(d).received > slots.device(d).next)
          loadOne(source, kept[d]!, slots.device(d).next);
        loaded += received - next;
      }
      const held = slots.device(0).held + slots.device(1).held;
      assert.ok(held <= SLOTS);
    }
  });
  // A few cases may well have none of it
  if (cases > 10) assert.ok(refused > 0 && loaded > 0, 'nothing was refused, or nothing loaded');
});

/** Remember what a packet that was not refused holds; what came first stays. */
function keep(kept: readonly Map<number, Buffer>[], bytes: Buffer): void {
  const buffers = kept[bytes.readUInt32BE(268) === 0 ? 0 : 1]!;
  const index = bytes.readUInt32BE(280);
  if (!buffers.has(index)) buffers.set(index, bytes.subarray(288));
}

/** Load the next buffer that has bytes, from `next` on. Behind those without there may be nothing yet. */
function loadOne(source: SlotSource, kept: Map<number, Buffer>, next: number): void {
  let at = next;
  while (kept.get(at)?.length === 0) at++;
  const into = Buffer.alloc(50);
  try {
    const count = source.read(into);
    assert.deepEqual(into.subarray(0, count), kept.get(at) ?? Buffer.alloc(0));
  } catch (error) {
    assert.ok(error instanceof FerryError && error.code === 'ERR_SLOT_WAIT', String(error));
    assert.ok(!kept.has(at));
  }
}
