import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { RamPass, RamReceiver } from '../../../src/engine/payloads/index.ts';
import { createKind as createRam } from '../../../src/engine/payloads/ram.ts';
import { liveResources, type Mapping, mapAnonymous } from '../../../src/sys/index.ts';
import { channelFacts, KeptPackets, readPackets } from '../../support/engine/packets.ts';

let held: string[];
beforeEach(() => {
  held = liveResources();
});
afterEach(() => {
  assert.deepEqual(liveResources(), held);
});

const PAGE = 4096;

/** Blocks of `pages` pages each, in memory that is mapped as one. */
function blocksIn(memory: Mapping, pages: Readonly<Record<string, number>>) {
  let address = memory.address;
  return Object.entries(pages).map(([name, count]) => {
    const block = { name, address, length: count * PAGE };
    address += block.length;
    return block;
  });
}

/** Send everything that can be taken on one channel. */
function sendAll(pass: RamPass, packets: KeptPackets): void {
  using kind = createRam(pass.start, channelFacts('send'));
  while (kind.source!.take()) kind.source!.write(packets);
}

for (const method of ['none', 'zlib', 'zstd'] as const)
  test(`RAM arrives as it was by ${method}, zero pages by name alone, in packets of 128 pages of one block`, () => {
    using from = mapAnonymous(400 * PAGE, 'source');
    using to = mapAnonymous(400 * PAGE, 'destination');
    const sizes = { 'pc.ram': 300, rom: 37 };
    from.bytes.fill(0x5a, 0, 290 * PAGE);
    for (let at = 100 * PAGE; at < 140 * PAGE; at++) from.bytes[at] = Math.imul(at, 0x9e37_79b1) >>> 24;
    from.bytes.fill(0, 10 * PAGE, 20 * PAGE);
    from.bytes[30 * PAGE] = 0;
    from.bytes[31 * PAGE - 1] = 7;
    from.bytes.fill(0, 50 * PAGE, 60 * PAGE - 1);
    const pass = new RamPass(blocksIn(from, sizes), { channels: 1, method });
    pass.addAll();
    assert.equal(pass.remaining(), 337);
    assert.equal(pass.open(), 1);
    using packets = new KeptPackets();
    sendAll(pass, packets);
    assert.equal(pass.remaining(), 0);
    assert.ok(pass.exhausted);
    const receiver = new RamReceiver(blocksIn(to, sizes), { channels: 1, fresh: true, method });
    using ram = createRam(receiver.start, channelFacts('receive'));
    readPackets([ram], Buffer.concat(packets.packets));
    assert.ok(Buffer.from(from.bytes).equals(to.bytes));
    assert.equal(packets.packets.length, 4);
    const { normal, zero, bytes } = pass.counters();
    assert.deepEqual([normal, zero], [271, 66]);
    assert.ok(method === 'none' ? bytes === 271 * PAGE : bytes < (271 * PAGE) / 2);
    assert.deepEqual(receiver.counters(), pass.counters());
  });
