/** The device's side of a packed queue, word by word (virtio 1.2, section 2.8). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { mapDirtyLog } from '../../src/memory/index.ts';
import { createMemfd } from '../../src/sys/index.ts';
import { DescriptorChain, PackedQueue } from '../../src/virtio/index.ts';
import { AVAILABLE, PACKED, packedFixture, USED } from '../support/raw-packed-ring.ts';
import { DATA, INDIRECT, NEXT, WRITE } from '../support/raw-ring.ts';

test('a request is taken in order and given back in one descriptor, the next one skips what it took', () => {
  using f = packedFixture(8);
  const { ring, guest, chain } = f;
  guest.write(DATA, Uint8Array.of(1, 2, 3, 4, 5));
  ring.put(DATA, 2, NEXT, 3);
  ring.put(DATA + 2, 3, NEXT, 3);
  ring.put(DATA + 0x100, 8, WRITE, 6);
  ring.put(DATA, 1, 0, 7);
  const queue = f.start();
  assert.equal(queue.pop(chain), true);
  assert.equal(chain.head, 6, 'the id of the last descriptor counts');
  const bytes = new Uint8Array(5);
  assert.equal(chain.readable.read(bytes), 5);
  assert.deepEqual([...bytes], [1, 2, 3, 4, 5]);
  assert.equal(queue.base, 0x8000_8003);
  chain.writable.write(Uint8Array.of(9, 9));
  queue.complete(chain);
  assert.deepEqual(ring.descriptor(0), { length: 2, id: 6, flags: AVAILABLE | USED | WRITE });
  assert.equal(ring.descriptor(1).flags, NEXT | AVAILABLE, 'skipped');
  assert.equal(queue.base, 0x8003_8003);
  assert.equal(queue.pop(chain), true);
  queue.complete(chain);
  assert.deepEqual(ring.descriptor(3), { length: 0, id: 7, flags: AVAILABLE | USED });
  assert.equal(queue.pop(chain), false);
});

test('chains over the end of the ring change the wrap counters, lap after lap', () => {
  using f = packedFixture(5);
  const { ring } = f;
  const queue = f.start();
  const chain = new DescriptorChain();
  for (let turn = 0, at = 0; turn < 20; turn++) {
    ring.put(DATA, 4, NEXT, turn % 5);
    ring.put(DATA + 4, 4, WRITE | NEXT, turn % 5);
    ring.put(DATA + 8, 4, WRITE, turn % 5);
    assert.equal(queue.pop(chain), true);
    assert.equal(chain.writable.length, 8);
    chain.writable.fill(1, 4);
    queue.complete(chain);
    const lap = Math.floor(at / 5) % 2 === 0 ? AVAILABLE | USED : 0;
    assert.deepEqual(ring.descriptor(at % 5), { length: 4, id: turn % 5, flags: lap | WRITE });
    at += 3;
    const position = (at % 5) | (Math.floor(at / 5) % 2 === 0 ? 0x8000 : 0);
    assert.equal(queue.base, (position | (position << 16)) >>> 0);
    assert.equal(queue.pop(chain), false);
  }
});

test('an indirect table is used whole; of its flags only WRITE counts', () => {
  using f = packedFixture(8, {}, [0x10014, 0x18000]);
  const { ring, guest, chain } = f;
  const table = new Uint8Array(64);
  ring.describe(0, DATA + 0x100, 4, NEXT, 9, table);
  ring.describe(1, 0, 0, INDIRECT, 0xffff, table);
  ring.describe(2, DATA + 0x200, 6, WRITE, 2, table);
  ring.describe(3, DATA + 0x300, 7, WRITE | INDIRECT, 2, table);
  guest.write(DATA + 4, table);
  ring.put(DATA + 4, 64, INDIRECT | WRITE, 4);
  const queue = f.start();
  assert.equal(queue.pop(chain), true);
  assert.equal(chain.head, 4);
  assert.equal(chain.readable.length, 4);
  assert.equal(chain.writable.length, 13);
  chain.writable.fill(5, 13);
  queue.complete(chain);
  assert.deepEqual(ring.descriptor(0), { length: 13, id: 4, flags: AVAILABLE | USED | WRITE });
});

test('calls are wanted always, never, or at one descriptor', () => {
  using f = packedFixture(4);
  const { ring, chain } = f;
  const queue = f.start();
  const round = (count = 1) => {
    for (let i = 0; i < count; i++) {
      ring.put(DATA, 4, WRITE);
      queue.pop(chain);
      queue.complete(chain);
    }
    return queue.needsNotify();
  };
  assert.equal(queue.needsNotify(), false);
  assert.equal(round(), true);
  ring.wantCalls(1);
  assert.equal(round(), false);
  ring.wantCalls(2, 0x8000);
  assert.equal(round(), true, 'the first event after the start may have passed unseen');
  assert.equal(round(), false);
  ring.wantCalls(2, 0x0001);
  assert.equal(round(), false, 'descriptor 0 of the next lap');
  assert.equal(round(), true, 'descriptor 1 of the next lap');
  ring.wantCalls(2, 0x0003);
  assert.equal(round(), false);
  assert.equal(round(2), true, 'within a batch');
  assert.equal(queue.needsNotify(), false);
});

test('a call comes exactly when the event is passed, wherever the ring ends', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 9 }),
      fc.array(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: -6, max: 12 })), { minLength: 2 }),
      (size, turns) => {
        using f = packedFixture(size);
        const queue = f.start();
        let at = 0;
        const positionOf = (place: number) =>
          (((place % size) + size) % size) | (Math.floor(place / size) % 2 === 0 ? 0x8000 : 0);
        for (const [turn, [count, ahead]] of turns.entries()) {
          // An event is at most a lap away from where the device is when it looks
          const event = at + Math.max(Math.min(ahead, size - 1), count - size);
          f.ring.wantCalls(2, positionOf(event));
          for (let i = 0; i < count; i++) {
            f.ring.put(DATA, 4, WRITE);
            queue.pop(f.chain);
            queue.complete(f.chain);
          }
          const passed = event >= at && event < at + count;
          at += count;
          assert.equal(queue.needsNotify(), turn === 0 || passed, `event ${event} on the way to ${at}`);
        }
      },
    ),
  );
});

test('kicks are asked for at the next descriptor, and the ring is looked at once more', () => {
  using f = packedFixture(4);
  const { ring, chain } = f;
  const queue = f.start();
  assert.equal(queue.enableKicks(), false);
  assert.deepEqual(ring.kicks, { position: 0x8000, flags: 2 });
  for (let i = 0; i < 5; i++) {
    ring.put(DATA, 4, WRITE);
    queue.pop(chain);
    queue.complete(chain);
  }
  queue.disableKicks();
  assert.equal(ring.kicks.flags, 1);
  assert.equal(queue.enableKicks(), false);
  assert.deepEqual(ring.kicks, { position: 0x0001, flags: 2 });
  ring.put(DATA, 4, WRITE);
  assert.equal(queue.enableKicks(), true);
  const plain = f.start({ eventIdx: false, base: queue.base });
  assert.equal(plain.enableKicks(), true);
  assert.equal(ring.kicks.flags, 0);
  plain.disableKicks();
  assert.equal(ring.kicks.flags, 1);
  ring.wantCalls(2, 0);
  plain.pop(chain);
  plain.complete(chain);
  assert.equal(plain.needsNotify(), true, 'no single event was negotiated');
});

test('what is written is marked dirty: buffers before, the ring and the event area where they lie', () => {
  using f = packedFixture(8);
  using fd = createMemfd('log', 4096);
  using log = mapDirtyLog(fd, 0, 4096);
  const queue = f.start();
  const seen: [address: number, length: number, used: boolean][] = [];
  log.mark = (address, length) =>
    void seen.push([address, length, (f.ring.descriptor(2).flags & USED) !== 0]);
  f.ring.put(DATA, 4, NEXT);
  f.ring.put(DATA, 8, WRITE);
  f.ring.put(DATA + 0x100, 8, WRITE);
  queue.pop(f.chain);
  queue.complete(f.chain);
  queue.logTo(log, 0x5000, 0x7000);
  queue.pop(f.chain);
  f.chain.writable.fill(1, 3);
  queue.complete(f.chain);
  queue.enableKicks();
  queue.disableKicks();
  assert.deepEqual(seen, [
    [DATA + 0x100, 3, false],
    [0x7020, 16, true],
    [0x5000, 4, true],
    [0x5000, 4, true],
  ]);
  queue.logTo(undefined, undefined);
  queue.enableKicks();
  assert.equal(seen.length, 4);
});

test('bases of two positions more than a lap apart or beyond the ring, and sizes that cannot be, are refused', () => {
  using f = packedFixture(8);
  for (const base of [0x8000_8008, 0x8008_8000, 0x8001_8000, 0x8000_0001, 0x0001_8002, 0xffff_ffff])
    assert.throws(() => f.start({ base }), { code: 'ERR_RING' }, base.toString(16));
  for (const base of [0, 0x8000_8000, 0x8000_0000, 0x8003_0002, 0x0003_0007])
    assert.equal(f.start({ base }).base, base);
  for (const size of [0, 32769])
    assert.throws(() => new PackedQueue(f.guest.memory, f.ring.ring, { ...PACKED, size }), {
      code: 'ERR_RING',
    });
  for (const name of ['descriptors', 'available', 'used'] as const) {
    const short = { ...f.ring.ring, [name]: f.ring.ring[name].subarray(1) };
    assert.throws(() => new PackedQueue(f.guest.memory, short, { ...PACKED, size: 8 }), { code: 'ERR_RING' });
  }
});
