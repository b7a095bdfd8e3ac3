/** What real QEMUs wrote to their channels, read and written again. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import type { PayloadKind } from '../../../src/engine/channels/index.ts';
import { pageMethod } from '../../../src/engine/methods/index.ts';
import { RamPass, RamReceiver } from '../../../src/engine/payloads/index.ts';
import { createKind as createNone } from '../../../src/engine/payloads/none.ts';
import { RamHeader } from '../../../src/engine/payloads/packets.ts';
import { createKind as createRam } from '../../../src/engine/payloads/ram.ts';
import { MainStream } from '../../../src/qemu-stream/index.ts';
import {
  liveResources,
  type Mapping,
  mapAnonymous,
  zlibVersion,
  zstdVersion,
} from '../../../src/sys/index.ts';
import {
  GOLDEN_MEMORY,
  GOLDEN_PAGE,
  Golden,
  type GoldenCapture,
  goldenMemory,
  goldenVersions,
} from '../../support/engine/golden.ts';
import { channelFacts, KeptPackets, readPackets } from '../../support/engine/packets.ts';

const HELLO = 64;
const SYNC = 1;
/** One after the list of blocks, one after each pass over RAM: there were two. */
const BARRIERS = 3;

let held: string[];
beforeEach(() => {
  held = liveResources();
});
afterEach(() => {
  assert.deepEqual(liveResources(), held);
});

const memory = goldenMemory();

/** The packets of channel `channel`, hello left out: header and payload each. */
function* packetsOf(golden: Golden, capture: GoldenCapture, channel: number) {
  const bytes = golden.stream(capture, channel).subarray(HELLO);
  const header = new RamHeader(GOLDEN_PAGE);
  for (let at = 0; at < bytes.length; ) {
    const packet = new Uint8Array(bytes.subarray(at, at + header.length));
    header.decode(packet);
    const payload = bytes.subarray(at + header.length, at + header.length + header.payloadSize);
    yield { flags: bytes.readUInt32BE(at + 8), packet, header, payload };
    at += header.length + header.payloadSize;
  }
}

/** The RAM blocks of a capture in fresh memory, which `mapping` has to have room for, one behind the other. */
function blocksOf(golden: Golden, capture: GoldenCapture, mapping: Mapping) {
  const stream = new MainStream();
  stream.feed(golden.stream(capture, 'main'));
  for (let event = stream.next(); event !== undefined; event = stream.next()) {
    if (event.type !== 'blocks') continue;
    let { address } = mapping;
    return event.blocks.map(({ name, length }) => {
      address += length;
      return { name, address: address - length, length };
    });
  }
  throw new Error(`${capture.name} has no list of blocks`);
}

for (const version of goldenVersions) {
  const golden = new Golden(version);
  const { captures } = golden.manifest;
  const ofMachine = captures.filter(({ machine }) => machine === 'none');

  test(`QEMU ${version}: every header, decoded and encoded, is the same bytes again`, () => {
    for (const capture of captures)
      for (let channel = 0; channel < capture.channels; channel++) {
        let barriers = 0;
        for (const { flags, packet, header } of packetsOf(golden, capture, channel)) {
          const again = packet.slice();
          again.fill(0xee, 12);
          header.encode(again);
          assert.deepEqual(Buffer.from(again), Buffer.from(packet), `${capture.name}, channel ${channel}`);
          if (flags === SYNC) barriers++;
          else assert.equal(flags, pageMethod(capture.method).flag);
        }
        assert.equal(barriers, BARRIERS);
      }
  });

  test(`QEMU ${version}: its packets become the memory that it had`, () => {
    for (const capture of captures) {
      using mapping = mapAnonymous(2 * GOLDEN_MEMORY, 'received');
      const { channels, method } = capture;
      const blocks = blocksOf(golden, capture, mapping);
      const receiver = new RamReceiver(blocks, { channels, method, fresh: true });
      for (let channel = 0; channel < channels; channel++) {
        using kind = createRam(receiver.start, channelFacts('receive', channel, channels));
        readPackets([kind], golden.stream(capture, channel).subarray(HELLO));
      }
      const ram = blocks.find(({ name }) => name === 'ram')!;
      const from = ram.address - mapping.address;
      assert.ok(memory.equals(mapping.bytes.subarray(from, from + GOLDEN_MEMORY)), capture.name);
      const pages = blocks.reduce((sum, { length }) => sum + length / GOLDEN_PAGE, 0);
      assert.equal(receiver.received.count(), pages, 'every page was received');
    }
  });

  test(`QEMU ${version}: its compressed payloads, compressed again, are the same bytes`, () => {
    using staging = mapAnonymous(2 * 2 ** 20, 'staging');
    const [pages, room] = [staging.address, 2 ** 20];
    const libraries = `libz ${zlibVersion()}, libzstd ${zstdVersion()}`;
    for (const capture of ofMachine.filter(({ method }) => method !== 'none'))
      for (let channel = 0; channel < capture.channels; channel++) {
        using compressor = pageMethod(capture.method).compressor(1)!;
        for (const { header, payload } of packetsOf(golden, capture, channel)) {
          if (header.normal === 0) continue;
          for (let i = 0; i < header.normal; i++)
            staging.bytes.set(
              memory.subarray(header.offsets[i]!, header.offsets[i]! + GOLDEN_PAGE),
              i * GOLDEN_PAGE,
            );
          const length = compressor.compress(pages, header.normal * GOLDEN_PAGE, pages + room, room);
          const again = Buffer.from(staging.bytes.subarray(room, room + length));
          assert.ok(again.equals(payload), `${capture.name}, channel ${channel}, ${libraries}`);
        }
      }
  });

  test(`QEMU ${version}: SYNC packets are written as it does`, () => {
    using written = new KeptPackets();
    const numbers = new SharedArrayBuffer(4);
    using none = createNone({ pageSize: GOLDEN_PAGE, packetNumbers: numbers }, channelFacts('send'));
    for (const { flags, packet, header } of packetsOf(golden, captures[0]!, 0)) {
      if (flags !== SYNC) continue;
      new Int32Array(numbers)[0] = header.packetNumber;
      none.source!.writeBarrier!(written);
      assert.deepEqual(Buffer.from(written.packets.pop()!), Buffer.from(packet));
    }
  });

  test(`QEMU ${version}: over one channel, the same memory is sent in the same packets`, () => {
    const capture = ofMachine.find(({ channels, method }) => channels === 1 && method === 'none')!;
    using mapping = mapAnonymous(GOLDEN_MEMORY, 'sent');
    mapping.bytes.set(memory);
    const block = { name: 'ram', address: mapping.address, length: GOLDEN_MEMORY };
    const pass = new RamPass([block], { channels: 1 });
    // The number of the first SYNC packet
    new Int32Array(pass.packetNumbers)[0] = 1;
    using written = sent(pass);
    const own = new RamHeader(GOLDEN_PAGE);
    let identical = 0;
    let at = 0;
    for (const { flags, packet, header, payload } of packetsOf(golden, capture, 0)) {
      if (flags === SYNC) continue;
      const bytes = new Uint8Array(written.packets[at++]!);
      own.decode(bytes);
      // QEMU changes the order of pages when it finds zero pages among them
      if (header.zero === 0) {
        assert.ok(Buffer.concat([packet, payload]).equals(bytes));
        identical++;
      }
      assert.deepEqual(summary(own), summary(header));
    }
    assert.equal(at, written.packets.length);
    assert.ok(identical > 0, 'some packets have nothing but normal pages');
  });
}

function sent(pass: RamPass): KeptPackets {
  const written = new KeptPackets();
  using ram: PayloadKind = createRam(pass.start, channelFacts('send'));
  pass.addAll();
  pass.open();
  while (ram.source!.take()) ram.source!.write(written);
  return written;
}

function summary(header: RamHeader) {
  const { pagesAlloc, normal, zero, payloadSize, packetNumber, blockName, offsets } = header;
  return {
    ...{ pagesAlloc, payloadSize, packetNumber, blockName },
    normal: [...offsets.subarray(0, normal)].sort((a, b) => a - b),
    zero: [...offsets.subarray(normal, normal + zero)].sort((a, b) => a - b),
  };
}
