/** RAM over real channels, a thread each at both ends, while somebody writes to it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Channels, socketConnection } from '../../../src/engine/channels/index.ts';
import { noneKind, RamPass, RamReceiver, ramKind } from '../../../src/engine/payloads/index.ts';
import { createSocketPair, mapAnonymous } from '../../../src/sys/index.ts';

const PAGE = 4096;
const PAGES = 3000;
const WITHIN = { deadline: 30_000 };

for (const [method, count, checksum] of [
  ['none', 3, false],
  ['zlib', 2, true],
  ['zstd', 2, false],
] as const)
  test(`written to while it is sent by ${method} over ${count} channels${checksum ? ' with checksums' : ''}, RAM arrives as it was last`, async () => {
    using from = mapAnonymous(PAGES * PAGE, 'source');
    using to = mapAnonymous(PAGES * PAGE, 'destination');
    const [pass, receiver] = [from, to].map(({ address }, i) => {
      const blocks = [
        { name: 'low', address, length: 100 * PAGE },
        { name: 'high', address: address + 100 * PAGE, length: (PAGES - 100) * PAGE },
      ];
      const options = { channels: count, method };
      return i === 0 ? new RamPass(blocks, options) : new RamReceiver(blocks, { ...options, fresh: true });
    }) as [RamPass, RamReceiver];
    const pairs = Array.from({ length: count }, (_, i) => createSocketPair(`channel ${i}`));
    const extended = checksum;
    const ends = { extended, checksum } as const;
    await using sending = await Channels.start({
      ...ends,
      direction: 'send',
      connections: pairs.map(([one]) => socketConnection(one, 'receiver')),
      kinds: [ramKind(pass), noneKind(PAGE, pass.packetNumbers)],
    });
    await using receiving = await Channels.start({
      ...ends,
      direction: 'receive',
      connections: pairs.map(([, other]) => socketConnection(other, 'sender')),
      kinds: [ramKind(receiver), noneKind(PAGE)],
    });

    /** Write to some pages, and say so as a page's writer does: afterwards. */
    let seed = 1;
    const dirty = (times: number) => {
      for (let i = 0; i < times; i++) {
        seed = Math.imul(seed, 0x41c6_4e6d) + 12345;
        const page = (seed >>> 8) % PAGES;
        from.bytes.fill(i % 5 === 0 ? 0 : seed >>> 24, page * PAGE, (page + 1) * PAGE - (i % 7));
        const { layout } = pass;
        pass.pages.add(page < 100 ? page : page - 100 + layout.blocks[1]!.firstPage);
      }
    };
    dirty(2000);
    pass.addAll();
    for (let round = 1; round <= 4; round++) {
      pass.open();
      const barrier = sending.postBarrier();
      if (round < 4) dirty(500);
      await sending.barrierWritten(barrier, WITHIN);
      if (round < 4) dirty(500);
      await receiving.barrierReached(barrier, WITHIN);
      receiving.releaseBarrier(barrier);
    }
    assert.equal(pass.remaining(), 0);
    await Promise.all([sending.finish(WITHIN), receiving.finish(WITHIN)]);
    assert.ok(Buffer.from(from.bytes).equals(to.bytes));
    assert.deepEqual(receiver.counters(), pass.counters());
    const { normal, zero } = pass.counters();
    assert.ok(normal + zero > PAGES && zero > 100);
  });
