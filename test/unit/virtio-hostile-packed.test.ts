import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PackedQueue } from '../../src/virtio/index.ts';
import {
  AVAILABLE,
  type PACKED,
  packedFixture,
  type RawPackedRing,
  USED,
} from '../support/raw-packed-ring.ts';
import { DATA, INDIRECT, MEMORY, NEXT, type TestMemory, WRITE } from '../support/raw-ring.ts';

const rows: {
  what: string;
  code: string;
  descriptor?: number;
  options?: Partial<typeof PACKED>;
  set: (ring: RawPackedRing, guest: TestMemory) => void;
}[] = [
  {
    what: 'a chain without an end',
    code: 'ERR_CHAIN_LENGTH',
    descriptor: 0,
    set: (ring) => {
      for (let i = 0; i < 8; i++) ring.put(DATA, 1, NEXT);
    },
  },
  {
    what: 'a chain that runs into descriptors of a request in flight',
    code: 'ERR_CHAIN_LENGTH',
    descriptor: 5,
    options: { base: 0x8000_8005 },
    set: (ring) => {
      for (let i = 0; i < 8; i++) ring.put(DATA, 1, NEXT);
    },
  },
  {
    what: 'a further request in a ring that is full',
    code: 'ERR_TOO_MANY_IN_FLIGHT',
    options: { base: 0x8003_0003 },
    set: (ring) => {
      for (let i = 0; i < 8; i++) ring.describe(i, DATA, 1, USED, 0);
    },
  },
  {
    what: 'a buffer id beyond the ring',
    code: 'ERR_BUFFER_ID',
    descriptor: 0,
    set: (ring) => ring.put(DATA, 1, 0, 8),
  },
  ...(
    [
      ['no memory there', 0x50000, 1],
      ['memory that ends within it', MEMORY - 4, 5],
      ['4 GiB of which little is memory', 0, 0xffffffff],
      ['an address that wraps', 2n ** 64n - 8n, 16],
      ['an address beyond 2^53', 2n ** 63n, 16],
    ] as const
  ).flatMap(([what, address, length]) =>
    [0, WRITE].map((flags) => ({
      what: `${what}, for ${flags === 0 ? 'reading' : 'writing'}`,
      code: 'ERR_DESCRIPTOR_ADDRESS',
      descriptor: 1,
      set: (ring: RawPackedRing) => {
        ring.put(DATA, 1, NEXT | flags);
        ring.put(address, length, flags);
      },
    })),
  ),
  {
    what: 'reading after writing',
    code: 'ERR_DESCRIPTOR_ORDER',
    descriptor: 1,
    set: (ring) => {
      ring.put(DATA, 1, WRITE | NEXT);
      ring.put(DATA, 1);
    },
  },
  {
    what: 'reading after writing in an indirect table',
    code: 'ERR_DESCRIPTOR_ORDER',
    descriptor: 1,
    set: (ring, guest) => {
      const table = new Uint8Array(32);
      ring.describe(0, DATA, 1, WRITE, 0, table);
      ring.describe(1, DATA, 1, 0, 0, table);
      guest.write(DATA, table);
      ring.put(DATA, 32, INDIRECT);
    },
  },
  ...[0, 8, 15, 17, 0xfffffff0, 1025 * 16].map((length) => ({
    what: `an indirect table of ${length} bytes`,
    code: 'ERR_INDIRECT',
    descriptor: 0,
    set: (ring: RawPackedRing) => ring.put(DATA, length, INDIRECT),
  })),
  {
    what: 'an indirect table outside memory',
    code: 'ERR_DESCRIPTOR_ADDRESS',
    descriptor: 0,
    set: (ring) => ring.put(MEMORY - 16, 32, INDIRECT),
  },
  {
    what: 'an indirect table that a descriptor follows',
    code: 'ERR_INDIRECT',
    descriptor: 0,
    set: (ring) => {
      ring.put(DATA, 16, INDIRECT | NEXT);
      ring.put(DATA, 1);
    },
  },
  {
    what: 'an indirect table after a descriptor',
    code: 'ERR_INDIRECT',
    descriptor: 1,
    set: (ring) => {
      ring.put(DATA, 1, NEXT);
      ring.put(DATA, 16, INDIRECT);
    },
  },
  {
    what: 'an indirect table that was not negotiated',
    code: 'ERR_INDIRECT',
    descriptor: 0,
    options: { indirect: false },
    set: (ring) => ring.put(DATA, 16, INDIRECT),
  },
];

function assertBroken(queue: PackedQueue, f: { chain: Parameters<PackedQueue['pop']>[0] }): void {
  assert.equal(queue.broken, true);
  assert.equal(queue.pop(f.chain), false);
  assert.equal(queue.enableKicks(), false);
}

for (const { what, code, descriptor, set, options } of rows)
  test(`packed: ${what}`, () => {
    using f = packedFixture(8, options);
    set(f.ring, f.guest);
    const queue = f.start();
    assert.throws(() => queue.pop(f.chain), {
      name: 'VirtqueueError',
      code,
      ...(descriptor === undefined ? {} : { descriptor }),
    });
    assertBroken(queue, f);
  });

test('packed: empty descriptors with bad addresses are passed over', () => {
  using f = packedFixture(8);
  f.ring.put(2n ** 63n, 0, NEXT);
  f.ring.put(0xdead_0000, 0, WRITE, 3);
  const queue = f.start();
  assert.equal(queue.pop(f.chain), true);
  assert.equal(f.chain.readable.length + f.chain.writable.length, 0);
  queue.complete(f.chain);
  assert.equal(f.ring.descriptor(0).id, 3);
});

test('packed: an indirect table and buffers over the edge of two regions that are neighbours come whole', () => {
  using f = packedFixture(8, {}, [DATA + 24, DATA + 0x108]);
  const table = new Uint8Array(32);
  f.ring.describe(0, DATA + 0x100, 16, 0, 0, table);
  f.ring.describe(1, DATA + 0x10, 16, WRITE, 0, table);
  f.guest.write(DATA, table);
  f.guest.write(
    DATA + 0x100,
    Uint8Array.from({ length: 16 }, (_, i) => i),
  );
  f.ring.put(DATA, 32, INDIRECT);
  const queue = f.start();
  assert.equal(queue.pop(f.chain), true);
  const bytes = new Uint8Array(16);
  f.chain.readable.read(bytes);
  assert.deepEqual([...bytes], [...bytes.keys()]);
  assert.equal(f.chain.writable.segments.count, 2);
});

test('packed: a ring that is empty, full of used descriptors or of either wrap counter yields what is available and ends', () => {
  for (const flags of [0, AVAILABLE | USED, AVAILABLE, USED]) {
    using f = packedFixture(8);
    for (let i = 0; i < 8; i++) f.ring.describe(i, DATA, 1, flags, i);
    const queue = f.start();
    let taken = 0;
    const broken = () => {
      for (; taken < 100 && queue.pop(f.chain); taken++) if (taken % 2 === 0) queue.complete(f.chain);
    };
    broken();
    assert.equal(taken, flags === AVAILABLE ? 8 : 0);
    assert.equal(queue.enableKicks(), false);
  }
});

test('packed: a driver that makes everything available again and again gets each descriptor served once a lap', () => {
  using f = packedFixture(4);
  const queue = f.start();
  let taken = 0;
  const again = () => {
    for (let lap = 0; lap < 10; lap++) {
      for (let i = 0; i < 4; i++) f.ring.describe(i, DATA, 1, lap % 2 === 0 ? AVAILABLE : USED, i);
      while (queue.pop(f.chain)) taken++;
    }
  };
  assert.throws(again, { code: 'ERR_TOO_MANY_IN_FLIGHT' });
  assert.equal(taken, 4);
});

test('packed: parked requests that were never taken are refused', () => {
  for (const [head, length] of [
    [0, 0],
    [0, 15],
    [0, 48],
    [9, 16],
  ] as const) {
    using f = packedFixture(8);
    const queue = f.start({ base: 0x8000_8002 });
    assert.throws(() => queue.recover(f.chain, { head, descriptors: new Uint8Array(length) }), {
      code: head === 9 ? 'ERR_BUFFER_ID' : 'ERR_PARKED',
    });
    assertBroken(queue, f);
  }
  using f = packedFixture(8);
  assert.throws(() => f.start().recover(f.chain, { head: 0, descriptors: new Uint8Array(16) }), {
    code: 'ERR_PARKED',
  });
});
