import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import fc from 'fast-check';
import {
  noneKind,
  placeBlocks,
  type RamBlock,
  RamPass,
  RamReceiver,
} from '../../../src/engine/payloads/index.ts';
import { createKind as createNone } from '../../../src/engine/payloads/none.ts';
import { RamHeader } from '../../../src/engine/payloads/packets.ts';
import { createKind as createRam } from '../../../src/engine/payloads/ram.ts';
import { PageBitmap } from '../../../src/memory/index.ts';
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

test('pages side by side are sent in one piece, straight from where they are; copied where a checksum is made', () => {
  using from = mapAnonymous(64 * PAGE, 'source');
  from.bytes.fill(1);
  for (const [checksum, pieces] of [
    [false, 3],
    [true, 1],
  ] as const) {
    const pass = new RamPass(blocksIn(from, { ram: 64 }), { channels: 1 });
    for (const page of [3, 4, 5, 31, 32, 63]) pass.pages.add(page);
    pass.open();
    using packets = new KeptPackets(checksum);
    sendAll(pass, packets);
    assert.deepEqual(packets.pieces, [pieces]);
    assert.equal(packets.packets[0]!.length, 1344 + 6 * PAGE + (checksum ? 4 : 0));
  }
});

const SIZES = { first: 45, second: 1, third: 500, fourth: 64 };

test('every page that is to be sent is in one packet of one channel, whoever takes when', () => {
  const memory = 610;
  using from = mapAnonymous(memory * PAGE, 'source');
  using to = mapAnonymous(memory * PAGE, 'destination');
  for (let page = 0; page < memory; page++) from.bytes.fill(page + 1, page * PAGE, (page + 1) * PAGE);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(800), fc.nat(200)), { maxLength: 6 }),
      fc.infiniteStream(fc.nat(2)),
      fc.constantFrom(32, 64, 256),
      (ranges, turns, chunkPages) => {
        to.bytes.fill(0);
        const blocks = blocksIn(from, SIZES);
        const pass = new RamPass(blocks, { channels: 3, zeroPages: false, chunkPages });
        // What lies between blocks, and behind the last, is no page
        for (const [first, count] of ranges)
          pass.pages.addRange(first, Math.min(pass.layout.pages, first + count));
        const wanted = new PageBitmap(pass.layout.pages);
        for (const { firstPage, pages } of pass.layout.blocks)
          for (let page = firstPage; page < firstPage + pages; page++)
            if (pass.pages.has(page)) wanted.add(page);
        pass.open();
        const receiver = new RamReceiver(blocksIn(to, SIZES), { channels: 3, fresh: true });
        using sink = createRam(receiver.start, channelFacts('receive', 0, 3));
        using packets = new KeptPackets();
        const sources = new Set([0, 1, 2].map((id) => createRam(pass.start, channelFacts('send', id, 3))));
        while (sources.size > 0) {
          const kind = [...sources][turns.next().value! % sources.size]!;
          if (kind.source!.take()) kind.source!.write(packets);
          else sources.delete(kind);
        }
        readPackets([sink], Buffer.concat(packets.packets));
        assert.deepEqual(receiver.received.words, wanted.words);
        assert.equal(receiver.counters().normal, wanted.count(), 'none was sent twice');
        for (const [i, { firstPage, pages, address }] of receiver.layout.blocks.entries()) {
          const origin = (blocks[i]!.address - from.address) / PAGE;
          const at = (address - to.address) / PAGE;
          for (let page = 0; page < pages; page++)
            assert.equal(
              to.bytes[(at + page) * PAGE + 7],
              wanted.has(firstPage + page) ? (origin + page + 1) & 255 : 0,
            );
        }
      },
    ),
    { numRuns: 60 },
  );
});

test('a page that is marked where the pass has been waits for the next one', () => {
  using from = mapAnonymous(64 * PAGE, 'source');
  const pass = new RamPass(blocksIn(from, { ram: 64 }), { channels: 1, chunkPages: 32 });
  using kind = createRam(pass.start, channelFacts('send'));
  using packets = new KeptPackets();
  assert.equal(kind.source!.take(), false, 'nothing before a pass was opened');
  pass.pages.add(1);
  assert.equal(kind.source!.take(), false);
  pass.open();
  assert.ok(kind.source!.take());
  assert.equal(pass.remaining(), 0, 'the page is taken before it is read');
  pass.pages.add(1);
  kind.source!.write(packets);
  assert.equal(kind.source!.take(), false);
  assert.ok(pass.exhausted);
  assert.equal(pass.remaining(), 1);
  assert.equal(pass.open(), 2);
  assert.equal(pass.exhausted, false);
  assert.ok(kind.source!.take());
});

test('a page that is marked again while its word is sent waits, too', () => {
  using from = mapAnonymous(256 * PAGE, 'source');
  from.bytes.fill(1);
  const pass = new RamPass(blocksIn(from, { ram: 256 }), { channels: 1, chunkPages: 256 });
  pass.pages.addRange(0, 130);
  pass.open();
  using kind = createRam(pass.start, channelFacts('send'));
  using packets = new KeptPackets();
  assert.ok(kind.source!.take());
  pass.pages.addRange(100, 110);
  kind.source!.write(packets);
  assert.ok(kind.source!.take());
  kind.source!.write(packets);
  assert.deepEqual(pagesOf(packets.packets[1]!), [128, 129]);
  assert.equal(kind.source!.take(), false);
  assert.equal(pass.remaining(), 10);
});

test('what was taken by a lost channel and is not confirmed is to be sent again, and nothing that nobody took', () => {
  const pages = 300;
  using from = mapAnonymous(pages * PAGE, 'source');
  const step = fc.oneof(
    fc.record({ what: fc.constant('mark' as const), page: fc.nat(pages - 1), count: fc.nat(40) }),
    fc.record({ what: fc.constant('take' as const), channel: fc.nat(2) }),
    fc.constant({ what: 'pass' } as const),
    fc.record({ what: fc.constant('confirm' as const), back: fc.nat(2) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.nat(2), (steps, lost) => {
      const pass = new RamPass(blocksIn(from, { ram: pages }), {
        channels: 3,
        chunkPages: 32,
        zeroPages: false,
      });
      using packets = new KeptPackets();
      using kinds = new DisposableStack();
      const sources = [0, 1, 2].map(
        (id) => kinds.use(createRam(pass.start, channelFacts('send', id, 3))).source!,
      );
      /** Page, channel and pass of everything that was sent and is not confirmed. */
      let open: { page: number; channel: number; number: number }[] = [];
      let number = 0;
      const take = (channel: number) => {
        if (!sources[channel]!.take()) return false;
        sources[channel]!.write(packets);
        for (const page of pagesOf(packets.packets.pop()!)) open.push({ page, channel, number });
        return true;
      };
      for (const one of steps)
        if (one.what === 'mark') pass.pages.addRange(one.page, Math.min(pages, one.page + one.count));
        else if (one.what === 'take') take(one.channel);
        else if (one.what === 'pass') {
          // Each channel has nothing more to send before the next pass
          for (const channel of sources.keys()) while (take(channel));
          number = pass.open();
        } else {
          // The newest that can be confirmed while a pass is under way is the one before
          const confirmed = pass.exhausted ? number - one.back : number - 1 - one.back;
          if (pass.exhausted) for (const channel of sources.keys()) while (take(channel));
          pass.confirm(confirmed);
          open = open.filter((sent) => sent.number > confirmed);
        }
      const before = new PageBitmap(pages);
      for (const word of pass.pages.words.keys()) before.addWord(word, pass.pages.words[word]!);
      const count = pass.lostBy(lost);
      assert.equal(pass.pages.count(), before.count() + count);
      for (const sent of open)
        if (sent.channel === lost) assert.ok(pass.pages.has(sent.page), `page ${sent.page}`);
      // A pass but one ago is kept together with the one before it
      const taken = new Set(open.map(({ page }) => page));
      for (let page = 0; page < pages; page++)
        if (pass.pages.has(page) && !before.has(page) && number < 3)
          assert.ok(taken.has(page), `page ${page}`);
      assert.equal(pass.lostBy(lost), 0, 'once is enough');
    }),
  );
});

/** The pages that a packet carries, all of them normal. */
function pagesOf(packet: Uint8Array): number[] {
  const header = new RamHeader(PAGE);
  header.decode(new Uint8Array(packet));
  return [...header.offsets.subarray(0, header.normal)].map((offset) => offset / PAGE);
}

test('pages of zeroes are cleared where something was received before, or may have been there', () => {
  using from = mapAnonymous(8 * PAGE, 'source');
  for (const fresh of [true, false]) {
    using to = mapAnonymous(8 * PAGE, 'destination');
    to.bytes.fill(0x77);
    const receiver = new RamReceiver(blocksIn(to, { ram: 8 }), { channels: 1, fresh });
    using sink = createRam(receiver.start, channelFacts('receive'));
    const send = (pages: readonly number[]) => {
      const pass = new RamPass(blocksIn(from, { ram: 8 }), { channels: 1 });
      for (const page of pages) pass.pages.add(page);
      pass.open();
      using packets = new KeptPackets();
      sendAll(pass, packets);
      readPackets([sink], Buffer.concat(packets.packets));
    };
    from.bytes.fill(0);
    send([2]);
    assert.equal(to.bytes[2 * PAGE], fresh ? 0x77 : 0, 'said to be fresh, it is not touched');
    from.bytes.fill(1);
    send([3]);
    from.bytes.fill(0);
    send([2, 3]);
    assert.ok(to.bytes.subarray(2 * PAGE, 4 * PAGE).every((byte) => byte === 0));
    assert.equal(to.bytes[4 * PAGE], 0x77);
    assert.equal(to.bytes[2 * PAGE - 1], 0x77);
  }
});

test('a SYNC packet of an old source may carry pages; where no RAM is received it may not', () => {
  using from = mapAnonymous(8 * PAGE, 'source');
  using to = mapAnonymous(8 * PAGE, 'destination');
  from.bytes.fill(9);
  const pass = new RamPass(blocksIn(from, { ram: 8 }), { channels: 1 });
  pass.addAll();
  pass.open();
  using packets = new KeptPackets();
  sendAll(pass, packets);
  const bytes = packets.packets[0]!;
  bytes[11] = 1;
  const receiver = new RamReceiver(blocksIn(to, { ram: 8 }), { channels: 1, fresh: true });
  using ram = createRam(receiver.start, channelFacts('receive'));
  using none = createNone(noneKind(PAGE).start, channelFacts('receive'));
  readPackets([ram, none], bytes);
  assert.ok(Buffer.from(from.bytes).equals(to.bytes));
  assert.throws(() => readPackets([none], bytes), { code: 'ERR_PACKET_COUNT' });
});

test('blocks that cannot be are refused', () => {
  const block = { name: 'ram', address: 4096, length: 4096 };
  const refused: [RamBlock[], number?][] = [
    [[{ ...block, name: '' }]],
    [[{ ...block, name: 'x'.repeat(256) }]],
    [[{ ...block, name: 'a\0b' }]],
    [[block, block]],
    [[{ ...block, length: 4097 }]],
    [[{ ...block, length: 0 }]],
    [[{ ...block, length: -4096 }]],
    [[{ ...block, length: 2 ** 43 }]],
    [[], 5000],
    [[], 2 ** 20],
    [[], 512],
    [Array.from({ length: 4097 }, (_, i) => ({ ...block, name: `${i}` }))],
  ];
  for (const [blocks, pageSize] of refused)
    assert.throws(() => placeBlocks(blocks, pageSize), { code: 'ERR_RAM_BLOCKS' });
  assert.throws(() => new RamPass([], { channels: 1, method: 'zlib', level: 77 }), { code: 'ERR_LEVEL' });
});
