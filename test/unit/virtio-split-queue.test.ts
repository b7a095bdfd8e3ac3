import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import fc from 'fast-check';
import { mapDirtyLog, mapRegion } from '../../src/memory/index.ts';
import { createMemfd, liveResources, mapShared } from '../../src/sys/index.ts';
import { DescriptorChain, SplitQueue } from '../../src/virtio/index.ts';
import { DATA, INDIRECT, MEMORY, NEXT, OPTIONS, queueFixture, RawRing, WRITE } from '../support/raw-ring.ts';

let held: string[];
beforeEach(() => {
  held = liveResources();
});
afterEach(() => {
  assert.deepEqual(liveResources(), held);
});

function readAll(chain: DescriptorChain): Uint8Array {
  const bytes = new Uint8Array(chain.readable.length);
  chain.readable.read(bytes);
  return bytes;
}

describe('requests', () => {
  test('a request is read, answered and given back with what was written', () => {
    using f = queueFixture();
    const { guest, ring, chain } = f;
    guest.write(DATA, new Uint8Array([1, 2, 3, 4, 5]));
    ring.describe(3, DATA, 2, NEXT, 5);
    ring.describe(5, DATA + 2, 3, NEXT, 1);
    ring.describe(1, DATA + 0x100, 4, WRITE | NEXT, 2);
    ring.describe(2, DATA + 0x200, 4, WRITE);
    ring.offer(3);
    const queue = f.start();
    assert.equal(queue.pop(chain), true);
    assert.equal(chain.head, 3);
    assert.deepEqual([...readAll(chain)], [1, 2, 3, 4, 5]);
    assert.equal(chain.writable.length, 8);
    assert.equal(queue.inFlight, 1);
    assert.equal(queue.pop(new DescriptorChain()), false);
    chain.writable.write(new Uint8Array([9, 8, 7, 6, 5]));
    assert.equal(ring.usedIndex, 0);
    queue.complete(chain);
    assert.equal(ring.usedIndex, 1);
    assert.deepEqual(ring.used(0), { id: 3, length: 5 });
    assert.deepEqual([...guest.read(DATA + 0x100, 4)], [9, 8, 7, 6]);
    assert.deepEqual([...guest.read(DATA + 0x200, 4)], [5, 0, 0, 0]);
    assert.equal(queue.base, 1);
    assert.equal(queue.inFlight, 0);
  });

  test('a buffer that crosses regions of memory comes as pieces, in order', () => {
    using f = queueFixture(8, {}, [0x18000, 0x18008, 0x20001]);
    const { guest, ring, chain } = f;
    const bytes = Uint8Array.from({ length: 0x100 }, (_, i) => i);
    guest.write(0x17f80, bytes);
    ring.describe(0, 0x17f80, 0x100);
    ring.offer(0);
    const queue = f.start();
    assert.equal(queue.pop(chain), true);
    assert.equal(chain.readable.segments.count, 3);
    assert.deepEqual(readAll(chain), bytes);
  });

  test('an indirect table is followed, alone or after direct descriptors, at any address, across regions', () => {
    using f = queueFixture(4, {}, [0x18000]);
    const { guest, ring, chain } = f;
    const entries = 20;
    const table = new Uint8Array(entries * 16);
    for (let i = 0; i < entries; i++)
      ring.describe(i, DATA + i * 16, 1, (i < 10 ? 0 : WRITE) | (i + 1 < entries ? NEXT : 0), i + 1, table);
    guest.write(0x18000 - 37, table);
    guest.write(DATA + 0x1000, new Uint8Array([200]));
    for (let i = 0; i < 10; i++) guest.write(DATA + i * 16, new Uint8Array([i + 1]));
    ring.describe(2, DATA + 0x1000, 1, NEXT, 1);
    ring.describe(1, 0x18000 - 37, entries * 16, INDIRECT | WRITE);
    ring.offer(2, 1);
    const queue = f.start();
    assert.equal(queue.pop(chain), true);
    assert.deepEqual([...readAll(chain)], [200, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assert.equal(chain.writable.length, 10);
    assert.equal(queue.pop(chain), true);
    assert.equal(chain.readable.length, 10);
    assert.equal(chain.head, 1);
  });

  test('a descriptor without bytes is passed over, whatever its address', () => {
    using f = queueFixture();
    f.ring.describe(0, 2n ** 63n, 0, NEXT, 1);
    f.ring.describe(1, DATA, 4, WRITE);
    f.ring.offer(0);
    assert.equal(f.start().pop(f.chain), true);
    assert.equal(f.chain.readable.length, 0);
    assert.equal(f.chain.writable.length, 4);
  });

  test('the used index is taken from memory at the start, and all indexes wrap', () => {
    using f = queueFixture(4);
    const { ring, chain } = f;
    ring.usedIndex = 0xfffe;
    ring.availableIndex = 0xfffe;
    for (let i = 0; i < 4; i++) ring.describe(i, DATA, 4, WRITE);
    const queue = new SplitQueue(f.guest.memory, ring.ring, { size: 4, ...OPTIONS, base: 0xfffe });
    for (let round = 0; round < 5; round++) {
      ring.offer(round % 4);
      assert.equal(queue.pop(chain), true);
      queue.complete(chain);
    }
    assert.equal(ring.usedIndex, 3);
    assert.equal(queue.base, 3);
    assert.deepEqual(ring.used(2), { id: 0, length: 0 });
  });

  test('a request that was in flight elsewhere is taken in again without moving on', () => {
    using f = queueFixture();
    f.ring.describe(5, DATA, 8, WRITE);
    const queue = f.start();
    queue.recover(f.chain, { head: 5 });
    assert.equal(queue.base, 0);
    assert.equal(queue.inFlight, 1);
    queue.complete(f.chain);
    assert.deepEqual(f.ring.used(0), { id: 5, length: 0 });
  });

  test('a queue that moved with its memory goes on where it was', () => {
    using f = queueFixture();
    const { guest, ring, chain } = f;
    ring.describe(0, DATA, 4, WRITE);
    ring.offer(0, 0);
    const queue = f.start();
    assert.equal(queue.pop(chain), true);
    queue.complete(chain);
    const place = { guestAddress: 0, size: MEMORY, userAddress: 0, fileOffset: 0 };
    for (const old of guest.memory.exchange([mapRegion(guest.fd, place)])) old[Symbol.dispose]();
    const moved = new RawRing(guest.memory, 8);
    queue.relocate(moved.ring);
    assert.equal(queue.pop(chain), true);
    queue.complete(chain);
    assert.equal(moved.usedIndex, 2);
  });
});

describe('notifications', () => {
  test('without event indexes the flags on both sides are obeyed and set', () => {
    using f = queueFixture(8, { eventIdx: false });
    const { ring, chain } = f;
    ring.describe(0, DATA, 4, WRITE);
    const queue = f.start();
    assert.equal(queue.needsNotify(), false);
    const round = () => {
      ring.offer(0);
      queue.pop(chain);
      queue.complete(chain);
    };
    round();
    assert.equal(queue.needsNotify(), true);
    assert.equal(queue.needsNotify(), false);
    ring.availableFlags = 1;
    round();
    assert.equal(queue.needsNotify(), false);
    queue.disableKicks();
    assert.equal(ring.usedFlags, 1);
    assert.equal(queue.enableKicks(), false);
    assert.equal(ring.usedFlags, 0);
    ring.offer(0);
    assert.equal(queue.enableKicks(), true);
  });

  test('with event indexes the driver is notified exactly when its event is passed', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0xffff }),
        fc.array(
          fc.record({ batch: fc.integer({ min: 0, max: 8 }), ahead: fc.integer({ min: -9, max: 9 }) }),
          {
            minLength: 1,
            maxLength: 6,
          },
        ),
        (start, turns) => {
          using f = queueFixture();
          const { ring, chain } = f;
          ring.availableIndex = start;
          ring.usedIndex = start;
          for (let i = 0; i < 8; i++) ring.describe(i, DATA, 4, WRITE);
          const queue = new SplitQueue(f.guest.memory, ring.ring, { size: 8, ...OPTIONS, base: start });
          let first = true;
          for (const { batch, ahead } of turns) {
            const old = ring.usedIndex;
            const event = (old + ahead) & 0xffff;
            ring.usedEvent = event;
            for (let i = 0; i < batch; i++) {
              ring.offer(i);
              queue.pop(chain);
              queue.complete(chain);
            }
            let passed = false;
            for (let i = 0; i < batch; i++) if (((old + i) & 0xffff) === event) passed = true;
            assert.equal(queue.needsNotify(), batch > 0 && (passed || first));
            if (batch > 0) first = false;
          }
        },
      ),
    );
  });

  test('the event index is published before the queue is looked at again', () => {
    using f = queueFixture();
    f.ring.describe(0, DATA, 4, WRITE);
    const queue = f.start();
    f.ring.offer(0);
    assert.equal(queue.pop(f.chain), true);
    queue.disableKicks();
    assert.equal(f.ring.availableEvent, 0);
    assert.equal(queue.enableKicks(), false);
    assert.equal(f.ring.availableEvent, 1);
    f.ring.offer(0);
    assert.equal(queue.enableKicks(), true);
  });
});

describe('dirty logging', () => {
  /** Marked pages of a log of one page of bytes. */
  function marked(bytes: Uint8Array): number[] {
    return [...bytes.keys()].flatMap((byte) =>
      [0, 1, 2, 3, 4, 5, 6, 7]
        .filter((bit) => (bytes[byte]! & (1 << bit)) !== 0)
        .map((bit) => byte * 8 + bit),
    );
  }

  /** Serve one request that writes at `DATA`, with `touch` deciding how; returns the marked pages. */
  function pagesAfter(
    usedAddress: number | undefined,
    touch: (chain: DescriptorChain) => void,
    prepare?: (queue: SplitQueue) => void,
  ): number[] {
    using f = queueFixture();
    using fd = createMemfd('log', 4096);
    using file = mapShared(fd, 0, 4096);
    using log = mapDirtyLog(fd, 0, 4096);
    f.ring.describe(0, DATA, 0x1000, NEXT, 1);
    f.ring.describe(1, DATA + 0x1800, 0x1000, WRITE | NEXT, 2);
    f.ring.describe(2, DATA + 0x8000, 0x3000, WRITE);
    f.ring.offer(0);
    const queue = f.start();
    queue.logTo(log, usedAddress);
    prepare?.(queue);
    assert.equal(queue.pop(f.chain), true);
    touch(f.chain);
    queue.complete(f.chain);
    queue.logTo(undefined, undefined);
    f.ring.offer(0);
    queue.pop(f.chain);
    f.chain.writable.fill(1, 0x4000);
    queue.complete(f.chain);
    return marked(file.bytes);
  }

  test('exactly what was written is marked, also what was written and then given up', () => {
    assert.deepEqual(
      pagesAfter(undefined, () => undefined),
      [],
    );
    assert.deepEqual(
      pagesAfter(undefined, (chain) => chain.writable.fill(1, 0x801)),
      [0x11, 0x12],
    );
    assert.deepEqual(
      pagesAfter(undefined, (chain) => {
        chain.writable.fill(1, 0x1001);
        chain.writable.rewind();
        chain.writable.fill(1, 1);
      }),
      [0x11, 0x12, 0x18],
    );
  });

  test('writes to the used ring are marked at the address the front end named, wherever that is', () => {
    // Element 0 lies 4 bytes into the ring, the index 2 bytes into it: two pages when the ring starts 4 before an edge
    assert.deepEqual(
      pagesAfter(0x5ffc, () => undefined),
      [5, 6],
    );
    assert.deepEqual(
      pagesAfter(0x7fff000, () => undefined),
      [0x7fff],
    );
    assert.deepEqual(
      pagesAfter(2 ** 40, () => undefined),
      [],
    );
    // The event index lies after 8 elements of 8 bytes
    assert.deepEqual(
      pagesAfter(
        0x5ffc - 64,
        () => undefined,
        (queue) => queue.enableKicks(),
      ),
      [5, 6],
    );
  });

  test('data is marked before the request is given back, the used index after it was written', () => {
    using f = queueFixture();
    using fd = createMemfd('log', 4096);
    using log = mapDirtyLog(fd, 0, 4096);
    f.ring.describe(0, DATA, 8, WRITE);
    f.ring.offer(0);
    const queue = f.start();
    const seen: [address: number, usedIndex: number][] = [];
    log.mark = (address) => void seen.push([address, f.ring.usedIndex]);
    queue.logTo(log, 0x5000);
    queue.pop(f.chain);
    f.chain.writable.fill(1, 8);
    queue.complete(f.chain);
    assert.deepEqual(seen, [
      [DATA, 0],
      [0x5004, 0],
      [0x5002, 1],
    ]);
  });
});
