/**
 * Mangled packets of RAM channels: whatever arrives, a channel ends with a named error, or memory is what a plain reading of
 * the same bytes makes it; nothing but the block is written to.
 */
import assert from 'node:assert/strict';
import { noneKind, RamHeader, RamPass, RamReceiver, ramKind } from '../../src/engine/payloads/index.ts';
import { DecodeError } from '../../src/errors.ts';
import { type Mapping, mapAnonymous } from '../../src/sys/index.ts';
import {
  channelFacts,
  EndOfPackets,
  KeptPackets,
  kindMaker,
  readPackets,
} from '../support/engine/packets.ts';
import { type Draw, fuzz } from './target.ts';

const PAGE = 4096;
const createNone = await kindMaker(noneKind(PAGE));
const createRam = await kindMaker(ramKind(new RamPass([], { channels: 1 })));
const PAGES = 40;
const AROUND = PAGE;
const GUARD = 0x99;
const HEADER = 1344;
const METHODS = ['none', 'zlib', 'zstd'] as const;
type Method = (typeof METHODS)[number];

/** A few good packets of one channel, SYNC packets among them. */
function goodPackets(draw: Draw, method: Method, from: Mapping): Uint8Array[] {
  const pass = new RamPass([{ name: 'ram', address: from.address, length: PAGES * PAGE }], {
    channels: 1,
    method,
  });
  using ram = createRam(pass.start, channelFacts('send'));
  using none = createNone(noneKind(PAGE, pass.packetNumbers).start, channelFacts('send'));
  using packets = new KeptPackets();
  for (let rounds = 1 + draw.below(2); rounds > 0; rounds--) {
    for (let pages = draw.below(12); pages > 0; pages--) {
      const page = draw.below(PAGES);
      from.bytes.fill(draw.below(4), page * PAGE, (page + 1) * PAGE);
      pass.pages.add(page);
    }
    pass.open();
    while (ram.source!.take()) ram.source!.write(packets);
    none.source!.writeBarrier!(packets);
  }
  return packets.packets;
}

/** Read `bytes` into `into`. Returns whether all of it was taken. */
function received(bytes: Uint8Array, method: Method, into: Mapping): boolean {
  into.bytes.fill(GUARD);
  const block = { name: 'ram', address: into.address + AROUND, length: PAGES * PAGE };
  const receiver = new RamReceiver([block], { channels: 1, fresh: false, method });
  using kind = createRam(receiver.start, channelFacts('receive'));
  try {
    readPackets([kind], bytes);
    return true;
  } catch (error) {
    assert.ok(
      error instanceof DecodeError || error instanceof EndOfPackets,
      `no named error: ${String(error)}`,
    );
    return false;
  } finally {
    const end = AROUND + PAGES * PAGE;
    for (const [at, to] of [
      [0, AROUND],
      [end, end + AROUND],
    ] as const)
      assert.ok(
        into.bytes.subarray(at, to).every((byte) => byte === GUARD),
        'only the block is written to',
      );
  }
}

/** What memory is like after the uncompressed packets in `bytes`, by a plain reading of them. */
function expected(bytes: Buffer): Buffer {
  const memory = Buffer.alloc(PAGES * PAGE, GUARD);
  for (let at = 0; at < bytes.length; ) {
    const [normal, zero] = [bytes.readUInt32BE(at + 16), bytes.readUInt32BE(at + 32)];
    for (let i = 0; i < normal + zero; i++) {
      const offset = Number(bytes.readBigUInt64BE(at + 320 + 8 * i));
      if (i < normal) bytes.copy(memory, offset, at + HEADER + i * PAGE, at + HEADER + (i + 1) * PAGE);
      else memory.fill(0, offset, offset + PAGE);
    }
    at += HEADER + normal * PAGE;
  }
  return memory;
}

/** Change one field of the packet that begins at `start`, or any of its bytes, or cut it off. */
function damage(bytes: Buffer, start: number, length: number, draw: Draw): Buffer {
  switch (draw.below(5)) {
    case 0:
      // A field of the header, or an offset
      bytes.writeUInt32BE(
        draw.pick([0, 1, 2, 127, 128, 129, 0x1000, PAGES * PAGE, 2 ** 20 + 1, 2 ** 31, 2 ** 32 - 1]),
        start + draw.pick([8, 12, 16, 20, 24, 32, 64, 320, 324, 328, 332, 340]),
      );
      return bytes;
    case 1:
      bytes[start + draw.below(HEADER)] = draw.below(256);
      return bytes;
    case 2:
      if (length > HEADER) bytes[start + HEADER + draw.below(length - HEADER)] = draw.below(256);
      return bytes;
    case 3:
      return bytes.subarray(0, start + draw.below(length));
    default: {
      const at = start + draw.below(length);
      bytes.copyWithin(at, start, start + draw.below(64));
      return bytes;
    }
  }
}

/** Some of the packets, damaged. */
function damaged(packets: readonly Uint8Array[], draw: Draw): Buffer {
  const chosen = draw.below(packets.length);
  const start = packets.slice(0, chosen).reduce((sum, { length }) => sum + length, 0);
  const { length } = packets[chosen]!;
  let bytes: Buffer = Buffer.concat(packets);
  for (let hits = 1 + draw.below(3); hits > 0 && bytes.length >= start + length; hits--)
    bytes = damage(bytes, start, length, draw);
  return bytes;
}

/** Any header is refused, or says the same once it was written and read again. */
function checkHeader(draw: Draw): void {
  const header = new RamHeader(draw.pick([1024, 4096, 65536, 512 * 1024]));
  const bytes = new Uint8Array(header.length);
  bytes.set(draw.take(Math.min(header.length, 12 + draw.below(400))));
  // Counts that can be are rare among random ones
  if (!draw.once(3)) for (const at of [12, 16, 20, 32]) bytes.set([0, 0, 0, draw.below(130)], at);
  try {
    header.decode(bytes);
  } catch (error) {
    assert.ok(error instanceof DecodeError, `no named error: ${String(error)}`);
    return;
  }
  assert.ok(header.normal + header.zero <= header.pagesAlloc && header.pagesAlloc <= header.capacity);
  const again = new Uint8Array(header.length);
  header.encode(again);
  const twice = new RamHeader(header.pageSize);
  twice.decode(again);
  assert.deepEqual(said(twice), said(header));
}

function said(header: RamHeader) {
  const { pagesAlloc, normal, zero, payloadSize, packetNumber, blockName, offsets } = header;
  const pages = [...offsets.subarray(0, normal + zero)];
  return { pagesAlloc, normal, zero, payloadSize, packetNumber, blockName, pages };
}

fuzz('multifd', async (loop) => {
  using from = mapAnonymous(PAGES * PAGE, 'source');
  using into = mapAnonymous(PAGES * PAGE + 2 * AROUND, 'destination');
  await loop((draw) => {
    if (draw.once(3)) {
      checkHeader(draw);
      return;
    }
    const method = METHODS[draw.below(METHODS.length)]!;
    const packets = goodPackets(draw, method, from);
    assert.ok(received(Buffer.concat(packets), method, into), 'good packets are taken');
    const bytes = damaged(packets, draw);
    if (!received(bytes, method, into) || method !== 'none') return;
    assert.ok(expected(bytes).equals(into.bytes.subarray(AROUND, AROUND + PAGES * PAGE)));
  });
});

fuzz('compressed-pages', async (loop) => {
  using from = mapAnonymous(PAGES * PAGE, 'source');
  using into = mapAnonymous(PAGES * PAGE + 2 * AROUND, 'destination');
  await loop((draw) => {
    const method = draw.pick(['zlib', 'zstd'] as const);
    // Any bytes as the payload, or a good one in which some were changed
    const packets = goodPackets(draw, method, from);
    const found = packets.findIndex((packet) => packet.length > HEADER);
    if (found < 0) return;
    const packet = Buffer.from(packets[found]!);
    let payload: Buffer = packet.subarray(HEADER);
    if (draw.once(2)) payload = Buffer.from(draw.take(1 + draw.below(600)));
    else
      for (let hits = 1 + draw.below(4); hits > 0; hits--)
        payload[draw.below(payload.length)] = draw.below(256);
    packet.writeUInt32BE(payload.length, 20);
    const bad = Buffer.concat([packet.subarray(0, HEADER), payload]);
    received(Buffer.concat([...packets.slice(0, found), bad, ...packets.slice(found + 1)]), method, into);
  });
});
