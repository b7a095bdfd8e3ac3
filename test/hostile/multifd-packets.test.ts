/** Packets of a RAM channel that cannot be: each is refused by name, before anything was read into memory. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { noneKind, RamPass, RamReceiver, ramKind } from '../../src/engine/payloads/index.ts';
import { liveResources, mapAnonymous } from '../../src/sys/index.ts';
import { channelFacts, KeptPackets, kindMaker, readPackets } from '../support/engine/packets.ts';

const PAGE = 4096;
const createNone = await kindMaker(noneKind(PAGE));
const createRam = await kindMaker(ramKind(new RamPass([], { channels: 1 })));
const PAGES = 200;
const MIB = 2 ** 20;

let held: string[];
beforeEach(() => {
  held = liveResources();
});
afterEach(() => {
  assert.deepEqual(liveResources(), held);
});

type Method = 'none' | 'zlib' | 'zstd';

/** A good packet: 3 normal pages of block `ram`, 0, 1 and 5, and 2 zero pages, 2 and 6. */
function goodPacket(method: Method): Buffer {
  using memory = mapAnonymous(PAGES * PAGE, 'source');
  memory.bytes.fill(0x42, 0, 2 * PAGE);
  memory.bytes.fill(0x43, 5 * PAGE, 6 * PAGE);
  const pass = new RamPass([{ name: 'ram', address: memory.address, length: PAGES * PAGE }], {
    channels: 1,
    method,
  });
  for (const page of [0, 1, 2, 5, 6]) pass.pages.add(page);
  pass.open();
  using kind = createRam(pass.start, channelFacts('send'));
  using packets = new KeptPackets();
  kind.source!.take();
  kind.source!.write(packets);
  return Buffer.from(packets.packets[0]!);
}

interface Row {
  /** What is bad. */
  readonly what: string;
  readonly method?: Method;
  readonly code: string;
  /** Said in the message. */
  readonly says: RegExp;
  readonly make: (packet: Buffer) => Buffer;
  /** Whether the payload is looked at, and memory may have changed where it belongs. */
  readonly late?: boolean;
}

/** Writes fields of `packet`: offset and value of 32 bits each. */
const set =
  (...fields: readonly (readonly [number, number])[]) =>
  (packet: Buffer): Buffer => {
    for (const [at, value] of fields) packet.writeUInt32BE(value, at);
    return packet;
  };
const FLAGS = 8;
const ALLOC = 12;
const NORMAL = 16;
const SIZE = 20;
const ZERO = 32;
const NAME = 64;
const OFFSETS = 320;

const rows: readonly Row[] = [
  {
    what: 'more pages than a packet has',
    code: 'ERR_PACKET_COUNT',
    says: /pages_alloc.*129.*128/,
    make: set([ALLOC, 129]),
  },
  {
    what: 'all the pages there are',
    code: 'ERR_PACKET_COUNT',
    says: /4294967295/,
    make: set([ALLOC, 0xffff_ffff], [NORMAL, 0xffff_ffff]),
  },
  {
    what: 'more normal pages than offsets',
    code: 'ERR_PACKET_COUNT',
    says: /normal_pages.*129.*128/,
    make: set([NORMAL, 129]),
  },
  {
    what: 'more normal pages than it says there is room for',
    code: 'ERR_PACKET_COUNT',
    says: /normal_pages.*3.*2/,
    make: set([ALLOC, 2]),
  },
  {
    what: 'more zero pages than offsets',
    code: 'ERR_PACKET_COUNT',
    says: /zero_pages.*126.*125/,
    make: set([ZERO, 126]),
  },
  {
    what: 'counts whose sum does not fit 32 bits',
    code: 'ERR_PACKET_COUNT',
    says: /zero_pages/,
    make: set([ZERO, 0xffff_fffe]),
  },
  {
    what: 'a payload of another length than its pages',
    code: 'ERR_PACKET_SIZE',
    says: /12289.*12288/,
    make: set([SIZE, 3 * PAGE + 1]),
  },
  { what: 'a payload of 4 GiB', code: 'ERR_PACKET_SIZE', says: /4294967295/, make: set([SIZE, 0xffff_ffff]) },
  {
    what: 'a payload without pages',
    code: 'ERR_PACKET_SIZE',
    says: /12288.*expected 0/,
    make: set([NORMAL, 0], [ZERO, 0]),
  },
  {
    what: 'a payload of zero pages alone',
    code: 'ERR_PACKET_SIZE',
    says: /expected 0/,
    make: set([NORMAL, 0]),
  },
  {
    what: 'no payload for its pages',
    method: 'zlib',
    code: 'ERR_PACKET_SIZE',
    says: /0 bytes, expected 1/,
    make: set([SIZE, 0]),
  },
  {
    what: 'a compressed payload above 1 MiB',
    method: 'zlib',
    code: 'ERR_PACKET_SIZE',
    says: /1048577.*1048576/,
    make: set([SIZE, MIB + 1]),
  },
  {
    what: 'a compressed payload above 1 MiB',
    method: 'zstd',
    code: 'ERR_PACKET_SIZE',
    says: /1048577.*1048576/,
    make: set([SIZE, MIB + 1]),
  },
  {
    what: 'an unknown block',
    code: 'ERR_PACKET_BLOCK',
    says: /no RAM block "vam" here, only ram/,
    make: (packet) => packet.fill('v', NAME, NAME + 1),
  },
  {
    what: 'a block whose name goes on',
    code: 'ERR_PACKET_BLOCK',
    says: /"ramx"/,
    make: (packet) => packet.fill('x', NAME + 3, NAME + 4),
  },
  {
    what: 'no name',
    code: 'ERR_PACKET_BLOCK',
    says: /no RAM block ""/,
    make: (packet) => packet.fill(0, NAME, NAME + 3),
  },
  {
    what: 'a name without an end',
    code: 'ERR_PACKET_NAME',
    says: /256 bytes/,
    make: (packet) => packet.fill('r', NAME, OFFSETS),
  },
  {
    what: 'an offset that is the length of the block',
    code: 'ERR_PACKET_OFFSET',
    says: /offset 2.*0xc8000 is beyond RAM block ram/,
    make: set([OFFSETS + 20, PAGES * PAGE]),
  },
  {
    what: 'an offset of a zero page beyond the block',
    code: 'ERR_PACKET_OFFSET',
    says: /offset 4.*beyond/,
    make: set([OFFSETS + 36, PAGES * PAGE]),
  },
  {
    what: 'an offset of 2^40',
    code: 'ERR_PACKET_OFFSET',
    says: /0x10000005000 is beyond/,
    make: set([OFFSETS + 16, 0x100]),
  },
  {
    what: 'an offset of 2^63',
    code: 'ERR_PACKET_OFFSET',
    says: /offset 2.*2\^53/,
    make: set([OFFSETS + 16, 0x8000_0000]),
  },
  {
    what: 'an offset that is no page',
    code: 'ERR_PACKET_OFFSET',
    says: /0x5001 is not a multiple of 4096/,
    make: set([OFFSETS + 20, 0x5001]),
  },
  {
    what: 'a compressed packet where none is expected',
    code: 'ERR_PACKET_METHOD',
    says: /zlib, expected none/,
    make: set([FLAGS, 2]),
  },
  {
    what: 'a method that nobody here has',
    code: 'ERR_PACKET_METHOD',
    says: /qatzip/,
    make: set([FLAGS, 0x20]),
  },
  {
    what: 'two methods',
    method: 'zlib',
    code: 'ERR_PACKET_METHOD',
    says: /zlib, zstd/,
    make: set([FLAGS, 6]),
  },
  {
    what: 'no method where one is expected',
    method: 'zstd',
    code: 'ERR_PACKET_METHOD',
    says: /none, expected zstd/,
    make: set([FLAGS, 0]),
  },
  { what: 'an unknown flag', code: 'ERR_PACKET_FLAGS', says: /0x400/, make: set([FLAGS, 0x400]) },
  { what: 'the highest flag', code: 'ERR_PACKET_FLAGS', says: /0x80000000/, make: set([FLAGS, 0x8000_0000]) },
  {
    what: 'a checksum that was not agreed on',
    code: 'ERR_PACKET_FLAGS',
    says: /checksum/,
    make: set([FLAGS, 0x80]),
  },
  { what: 'a frame of device state', code: 'ERR_PACKET_FLAGS', says: /zstdFrame/, make: set([FLAGS, 0x100]) },
  { what: 'RAM sent again', code: 'ERR_PACKET_FLAGS', says: /again/, make: set([FLAGS, 0x200]) },
  {
    what: 'contents that are not compressed',
    method: 'zlib',
    late: true,
    code: 'ERR_COMPRESSED_DATA',
    says: /zlib/,
    make: (packet) => packet.fill(0xff, 1344),
  },
  {
    what: 'contents that are not compressed',
    method: 'zstd',
    late: true,
    code: 'ERR_COMPRESSED_DATA',
    says: /zstd/,
    make: (packet) => packet.fill(0xff, 1344),
  },
  {
    what: 'contents for one page less',
    method: 'zlib',
    late: true,
    code: 'ERR_COMPRESSED_DATA',
    says: /more than/,
    make: set([NORMAL, 2]),
  },
  {
    what: 'contents for one page less',
    method: 'zstd',
    late: true,
    code: 'ERR_COMPRESSED_DATA',
    says: /more than/,
    make: set([NORMAL, 2]),
  },
  {
    what: 'contents for one page more',
    method: 'zlib',
    late: true,
    code: 'ERR_COMPRESSED_DATA',
    says: /missing/,
    make: set([NORMAL, 4], [ZERO, 1]),
  },
  {
    what: 'contents for one page more',
    method: 'zstd',
    late: true,
    code: 'ERR_COMPRESSED_DATA',
    says: /missing/,
    make: set([NORMAL, 4], [ZERO, 1]),
  },
];

/** What became of the memory that the last packet was for. */
let seen = { untouched: false, around: false };

function receive(method: Method, bytes: Uint8Array): void {
  // A page before the block and one behind it are nobody's
  using memory = mapAnonymous((PAGES + 2) * PAGE, 'destination');
  memory.bytes.fill(0x99);
  const block = { name: 'ram', address: memory.address + PAGE, length: PAGES * PAGE };
  const receiver = new RamReceiver([block], { channels: 1, fresh: true, method });
  using kind = createRam(receiver.start, channelFacts('receive'));
  const isKept = (from: number, to: number) =>
    memory.bytes.subarray(from * PAGE, to * PAGE).every((byte) => byte === 0x99);
  try {
    readPackets([kind], bytes);
  } finally {
    seen = { untouched: isKept(0, PAGES + 2), around: isKept(0, 1) && isKept(8, PAGES + 2) };
  }
}

describe('a RAM channel', () => {
  for (const method of ['none', 'zlib', 'zstd'] as const)
    test(`takes the good packet of this table, ${method}`, () => {
      receive(method, goodPacket(method));
      assert.deepEqual(seen, { untouched: false, around: true });
    });

  for (const { what, method = 'none', code, says, make, late = false } of rows)
    test(`${method}: ${what}`, () => {
      const packet = make(goodPacket(method));
      assert.throws(() => receive(method, packet), { code, message: says });
      assert.ok(late || seen.untouched, 'nothing was read into memory');
      assert.ok(seen.around, 'nothing was written where it does not belong');
    });

  test('SYNC and device state at once belong to device state, which refuses SYNC', () => {
    using memory = mapAnonymous(PAGE, 'destination');
    const receiver = new RamReceiver([{ name: 'ram', address: memory.address, length: PAGE }], {
      ...{ channels: 1, fresh: true },
    });
    using kind = createRam(receiver.start, channelFacts('receive'));
    assert.equal(kind.sink!.claims(0x41), false);
  });
});

describe('a channel without RAM', () => {
  for (const [what, fields, code] of [
    ['a SYNC packet with pages', [[NORMAL, 1]], 'ERR_PACKET_COUNT'],
    ['a SYNC packet with zero pages', [[ZERO, 1]], 'ERR_PACKET_COUNT'],
    ['a SYNC packet with a payload', [[SIZE, 1]], 'ERR_PACKET_COUNT'],
    ['a SYNC packet with an unknown flag', [[FLAGS, 0x401]], 'ERR_PACKET_FLAGS'],
    ['a SYNC packet with device state', [[FLAGS, 0x41]], 'ERR_PACKET_FLAGS'],
  ] as const)
    test(what, () => {
      const { start } = noneKind(PAGE);
      using source = createNone(start, channelFacts('send'));
      using sink = createNone(start, channelFacts('receive'));
      using packets = new KeptPackets();
      source.source!.writeBarrier!(packets);
      const packet = Buffer.from(packets.packets[0]!);
      packet.writeUInt32BE(1, ALLOC);
      readPackets([sink], packet);
      assert.throws(() => readPackets([sink], set(...fields)(packet)), { code });
    });
});
