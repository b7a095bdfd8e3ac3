/** Rings full of nonsense, in memory that another thread keeps changing while they are read. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { mapDirtyLog } from '../../src/memory/index.ts';
import { mapShared } from '../../src/sys/index.ts';
import { DescriptorChain, SplitQueue, VirtqueueError } from '../../src/virtio/index.ts';
import { INDIRECT, NEXT, RawRing, TestMemory, WRITE } from '../support/raw-ring.ts';

const seconds = Number(process.env.FERRY_FUZZ_SECONDS ?? 2);
const seed = Number(process.env.FERRY_FUZZ_SEED ?? Date.now() % 2 ** 31);
const SIZE = 0x8000;
const CUTS = [0x3000, 0x5004];
const QUEUE = 16;

/** A small generator of numbers that a seed repeats (xorshift32). */
function generator(start: number): (below: number) => number {
  let state = start | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Descriptors that are mostly plausible: addresses in or just outside memory, short or long, chained anyhow. */
function scatter(ring: RawRing, guest: TestMemory, random: (below: number) => number): void {
  const table = new Uint8Array(32 * 16);
  for (const into of [undefined, table])
    for (let i = 0; i < (into === undefined ? QUEUE : 32); i++) {
      const flags = [0, NEXT, NEXT, WRITE, WRITE | NEXT, INDIRECT][random(6)]!;
      const length =
        (flags & INDIRECT) !== 0 ? random(40) * 16 : [0, 1, 40, 4096, 0x4000, 0xffffffff][random(6)]!;
      const address = random(50) === 0 ? 2n ** 63n : BigInt(random(SIZE + 16));
      ring.describe(i, address, length, flags, random(24), into ?? ring.ring.descriptors);
    }
  guest.write(0x2000 + random(0x1200), table);
}

function checkChain(chain: DescriptorChain, guest: TestMemory): void {
  for (const { segments } of [chain.readable, chain.writable]) {
    let total = 0;
    for (let i = 0; i < segments.count; i++) {
      const start = segments.guestAddress(i);
      const length = segments.lengths[i]!;
      const window = guest.memory.find(start)!;
      assert.ok(length > 0 && start + length <= window.end, `segment ${i} leaves its memory`);
      assert.equal(segments.ranges[i], window);
      assert.equal(segments.offsets[i], start - window.guestAddress);
      total += length;
    }
    assert.equal(segments.total, total);
  }
}

test('a ring yields requests within memory or breaks with a named error, whoever writes to it meanwhile', async () => {
  console.log(`seed ${seed}`);
  using guest = new TestMemory(SIZE, CUTS);
  using shared = mapShared(guest.fd, 0, SIZE);
  using log = mapDirtyLog(guest.fd, SIZE - 8, 8);
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const source = `
    import { parentPort, workerData } from 'node:worker_threads';
    import { Fd, mapShared } from ${JSON.stringify(import.meta.resolve('../../src/sys/index.ts'))};
    using own = new Fd(workerData.fd, 'guest').duplicate();
    using mapping = mapShared(own, 0, ${SIZE});
    const { bytes } = mapping;
    let state = workerData.seed | 1;
    parentPort.postMessage('ready');
    while (Atomics.load(workerData.stop, 0) === 0) {
      state ^= state << 13; state ^= state >>> 17; state ^= state << 5;
      bytes[(state >>> 8) % 0x400] ^= 1 << (state & 7);
    }`;
  const scribbler = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), {
    workerData: { fd: guest.fd.number, seed, stop },
  });
  try {
    await once(scribbler, 'message');
    const random = generator(seed);
    const ring = new RawRing(guest.memory, QUEUE);
    const chain = new DescriptorChain();
    const codes = new Map<string, number>();
    const into = new Uint8Array(SIZE);
    let requests = 0;
    const end = performance.now() + seconds * 1000;
    while (performance.now() < end) {
      shared.bytes.fill(0, 0, 0x2000);
      scatter(ring, guest, random);
      const next = random(0x10000);
      ring.usedIndex = next;
      ring.availableIndex = next;
      ring.offer(...Array.from({ length: random(QUEUE + 1) }, () => random(QUEUE + 1)));
      const queue = new SplitQueue(guest.memory, ring.ring, {
        size: QUEUE,
        base: next,
        eventIdx: true,
        indirect: true,
      });
      queue.logTo(log, 0);
      try {
        while (queue.pop(chain)) {
          requests++;
          checkChain(chain, guest);
          chain.readable.read(into, 0, 64);
          if (random(4) > 0) {
            chain.writable.write(into, 0, random(64));
            queue.complete(chain);
            queue.needsNotify();
          }
          assert.ok(queue.inFlight >= 0 && queue.inFlight <= QUEUE);
        }
        queue.enableKicks();
      } catch (error) {
        assert.ok(error instanceof VirtqueueError, String(error));
        assert.equal(queue.broken, true);
        assert.equal(queue.pop(chain), false);
        codes.set(error.code, (codes.get(error.code) ?? 0) + 1);
      }
    }
    assert.ok(requests > 100, `${requests} requests were taken`);
    for (const code of ['ADDRESS', 'INDEX', 'ORDER'].map((what) => `ERR_DESCRIPTOR_${what}`))
      assert.ok(codes.has(code), `${code} never came up`);
    for (const code of ['ERR_AVAILABLE_INDEX', 'ERR_CHAIN_LENGTH', 'ERR_INDIRECT'])
      assert.ok(codes.has(code), `${code} never came up`);
  } finally {
    const ended = once(scribbler, 'exit');
    Atomics.store(stop, 0, 1);
    await ended;
  }
});
