import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { liveResources } from '../../src/sys/index.ts';
import { SplitQueue } from '../../src/virtio/index.ts';
import {
  DATA,
  INDIRECT,
  MEMORY,
  NEXT,
  OPTIONS,
  queueFixture,
  type RawRing,
  type TestMemory,
  WRITE,
} from '../support/raw-ring.ts';

let held: string[];
beforeEach(() => {
  held = liveResources();
});
afterEach(() => {
  assert.deepEqual(liveResources(), held);
});

const rows: {
  what: string;
  code: string;
  descriptor?: number;
  size?: number;
  options?: Partial<typeof OPTIONS>;
  set: (ring: RawRing, guest: TestMemory) => void;
}[] = [
  {
    what: 'an available index that jumps',
    code: 'ERR_AVAILABLE_INDEX',
    set: (ring) => (ring.availableIndex = 9),
  },
  {
    what: 'an available index behind the start',
    code: 'ERR_AVAILABLE_INDEX',
    options: { base: 1 },
    set: () => undefined,
  },
  {
    what: 'a head beyond the table',
    code: 'ERR_DESCRIPTOR_INDEX',
    descriptor: 8,
    set: (ring) => ring.offer(8),
  },
  {
    what: 'a next beyond the table',
    code: 'ERR_DESCRIPTOR_INDEX',
    descriptor: 0xffff,
    set: (ring) => {
      ring.describe(0, DATA, 1, NEXT, 0xffff);
      ring.offer(0);
    },
  },
  {
    what: 'a loop',
    code: 'ERR_CHAIN_LENGTH',
    set: (ring) => {
      ring.describe(0, DATA, 1, NEXT, 1);
      ring.describe(1, DATA, 1, NEXT, 0);
      ring.offer(0);
    },
  },
  {
    what: 'a loop of empty descriptors',
    code: 'ERR_CHAIN_LENGTH',
    set: (ring) => {
      ring.describe(0, 0, 0, NEXT, 0);
      ring.offer(0);
    },
  },
  {
    what: 'a loop within an indirect table',
    code: 'ERR_CHAIN_LENGTH',
    set: (ring, guest) => {
      const table = new Uint8Array(32);
      ring.describe(0, DATA, 1, NEXT, 1, table);
      ring.describe(1, DATA, 1, NEXT, 0, table);
      guest.write(DATA, table);
      ring.describe(0, DATA, 32, INDIRECT);
      ring.offer(0);
    },
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
      descriptor: 4,
      set: (ring: RawRing) => {
        ring.describe(4, address, length, flags);
        ring.offer(4);
      },
    })),
  ),
  {
    what: 'reading after writing',
    code: 'ERR_DESCRIPTOR_ORDER',
    descriptor: 1,
    set: (ring) => {
      ring.describe(0, DATA, 1, WRITE | NEXT, 1);
      ring.describe(1, DATA, 1);
      ring.offer(0);
    },
  },
  ...[0, 8, 15, 17, 0xfffffff0, 1025 * 16].map((length) => ({
    what: `an indirect table of ${length} bytes`,
    code: 'ERR_INDIRECT',
    descriptor: 0,
    set: (ring: RawRing) => {
      ring.describe(0, DATA, length, INDIRECT);
      ring.offer(0);
    },
  })),
  {
    what: 'an indirect table outside memory',
    code: 'ERR_DESCRIPTOR_ADDRESS',
    descriptor: 0,
    set: (ring) => {
      ring.describe(0, MEMORY - 16, 32, INDIRECT);
      ring.offer(0);
    },
  },
  {
    what: 'an indirect table within an indirect table',
    code: 'ERR_INDIRECT',
    descriptor: 0,
    set: (ring, guest) => {
      const table = new Uint8Array(16);
      ring.describe(0, DATA, 16, INDIRECT, 0, table);
      guest.write(DATA, table);
      ring.describe(0, DATA, 16, INDIRECT);
      ring.offer(0);
    },
  },
  {
    what: 'a descriptor both indirect and continued',
    code: 'ERR_INDIRECT',
    descriptor: 0,
    set: (ring) => {
      ring.describe(0, DATA, 16, INDIRECT | NEXT, 1);
      ring.offer(0);
    },
  },
  {
    what: 'an indirect table that was not negotiated',
    code: 'ERR_INDIRECT',
    descriptor: 0,
    options: { indirect: false },
    set: (ring) => {
      ring.describe(0, DATA, 16, INDIRECT);
      ring.offer(0);
    },
  },
  {
    what: 'a next beyond an indirect table, within the ring',
    code: 'ERR_DESCRIPTOR_INDEX',
    descriptor: 1,
    set: (ring, guest) => {
      const table = new Uint8Array(16);
      ring.describe(0, DATA, 1, NEXT, 1, table);
      guest.write(DATA, table);
      ring.describe(0, DATA, 16, INDIRECT);
      ring.offer(0);
    },
  },
];

for (const { what, code, descriptor, set, options } of rows)
  test(what, () => {
    using f = queueFixture(8, options);
    set(f.ring, f.guest);
    const queue = f.start();
    assert.throws(() => queue.pop(f.chain), {
      name: 'VirtqueueError',
      code,
      ...(descriptor === undefined ? {} : { descriptor }),
    });
    assert.equal(queue.broken, true);
    assert.equal(queue.pop(f.chain), false);
    assert.equal(queue.enableKicks(), false);
  });

test('a driver that offers the same request again and again is stopped at the size of the queue', () => {
  using f = queueFixture(4);
  f.ring.describe(0, DATA, 1, WRITE);
  const queue = f.start();
  for (let i = 0; i < 4; i++) {
    f.ring.offer(0);
    assert.equal(queue.pop(f.chain), true);
  }
  f.ring.offer(0);
  assert.throws(() => queue.pop(f.chain), { code: 'ERR_TOO_MANY_IN_FLIGHT' });
});

test('a ring that is too short, misaligned or of an impossible size is refused', () => {
  using f = queueFixture();
  const { memory } = f.guest;
  const { ring } = f.ring;
  for (const size of [0, 3, 65536])
    assert.throws(() => new SplitQueue(memory, ring, { size, ...OPTIONS }), { code: 'ERR_RING' });
  for (const name of ['descriptors', 'available', 'used'] as const) {
    const short = { ...ring, [name]: ring[name].subarray(0, ring[name].length - 1) };
    assert.throws(() => new SplitQueue(memory, short, { size: 8, ...OPTIONS }), { code: 'ERR_RING' });
    const odd = { ...ring, [name]: memory.viewUser(DATA + 1, 4096)! };
    assert.throws(() => new SplitQueue(memory, odd, { size: 8, ...OPTIONS }), { code: 'ERR_RING' });
  }
});
