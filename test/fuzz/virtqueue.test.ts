/** Rings full of nonsense, in memory that another thread keeps changing while they are read. */
import assert from 'node:assert/strict';
import { mapDirtyLog } from '../../src/memory/index.ts';
import { liveResources, mapShared } from '../../src/sys/index.ts';
import {
  DescriptorChain,
  inflightStride,
  PackedQueue,
  type ParkedRequest,
  type RingMemory,
  ringLengths,
  SplitQueue,
  type Virtqueue,
  VirtqueueError,
  type VirtqueueKind,
} from '../../src/virtio/index.ts';
import { AVAILABLE, RawPackedRing, USED } from '../support/raw-packed-ring.ts';
import { INDIRECT, NEXT, RawRing, TestMemory, WRITE } from '../support/raw-ring.ts';
import { Scribbler } from './scribbler.ts';
import { type Draw, fuzz } from './target.ts';

const SIZE = 0x8000;
const CUTS = [0x3000, 0x5004];
const QUEUE = 16;
/** Where the inflight region lies, and where what the other thread changes ends. */
const REGION = 0x600;
const SCRIBBLED = 0xa00;
const TABLE = 32;

/** Address, length and flags of a descriptor, mostly plausible: in or just outside memory, short or long. */
function descriptor(draw: Draw): [address: bigint, length: number, flags: number] {
  const flags = draw.pick([0, NEXT, NEXT, WRITE, WRITE | NEXT, INDIRECT]);
  const length =
    (flags & INDIRECT) !== 0 ? draw.below(40) * 16 : draw.pick([0, 1, 40, 4096, 0x4000, 0xffffffff]);
  return [draw.once(50) ? 2n ** 63n : BigInt(draw.below(SIZE + 16)), length, flags];
}

function scatterSplit(draw: Draw, guest: TestMemory): { ring: RingMemory; base: number } {
  const ring = new RawRing(guest.memory, QUEUE);
  const table = new Uint8Array(TABLE * 16);
  for (let i = 0; i < QUEUE; i++) ring.describe(i, ...descriptor(draw), draw.below(24));
  for (let i = 0; i < TABLE; i++) ring.describe(i, ...descriptor(draw), draw.below(24), table);
  guest.write(0x2000 + draw.below(0x1200), table);
  const base = draw.below(0x10000);
  ring.usedIndex = base;
  ring.availableIndex = base;
  ring.offer(...Array.from({ length: draw.below(QUEUE + 1) }, () => draw.below(QUEUE + 1)));
  return { ring: ring.ring, base };
}

function scatterPacked(draw: Draw, guest: TestMemory): { ring: RingMemory; base: number } {
  const ring = new RawPackedRing(guest.memory, QUEUE);
  const table = new Uint8Array(TABLE * 16);
  const at = draw.below(QUEUE);
  const wrap = draw.below(2);
  const endless = draw.once(16) ? NEXT : 0;
  for (let i = 0; i < QUEUE; i++) {
    const [address, length, flags] = descriptor(draw);
    const lap = i < at ? wrap ^ 1 : wrap;
    const state = draw.once(8) ? draw.pick([0, AVAILABLE | USED]) : lap === 1 ? AVAILABLE : USED;
    ring.describe(i, address, length, flags | state | endless, draw.below(QUEUE + 1));
  }
  for (let i = 0; i < TABLE; i++) ring.describe(i, ...descriptor(draw), draw.below(24), table);
  guest.write(0x2000 + draw.below(0x1200), table);
  ring.wantCalls(draw.below(3), draw.below(0x10000));
  const position = at | (wrap << 15);
  const taken = draw.once(4) ? at | ((wrap ^ 1) << 15) : position;
  return { ring: ring.ring, base: (position | (taken << 16)) >>> 0 };
}

/** The ring's parts at any places, over each other and over the tables. */
function overlapping(draw: Draw, guest: TestMemory, kind: VirtqueueKind): RingMemory {
  const lengths = ringLengths(QUEUE, kind);
  const part = (length: number) => guest.memory.viewUser(draw.below(0x80) * 4, length)!;
  return {
    descriptors: part(lengths.descriptors),
    available: part(lengths.available),
    used: part(lengths.used),
  };
}

/** Requests to take up again, as an incoming state or an inflight region could tell of them. */
function parked(draw: Draw, queue: Virtqueue): readonly ParkedRequest[] {
  if (queue.unfinished.length > 0 || !draw.once(4)) return queue.unfinished;
  return Array.from({ length: 1 + draw.below(3) }, () => ({
    head: draw.below(QUEUE + 1),
    descriptors: draw.take(16 * draw.below(3)),
  }));
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

const EXPECTED = {
  split: ['ERR_AVAILABLE_INDEX', 'ERR_DESCRIPTOR_INDEX'],
  packed: ['ERR_BUFFER_ID', 'ERR_PARKED'],
};

for (const kind of ['split', 'packed'] as const)
  fuzz(`virtqueue-${kind}`, async (loop) => {
    using guest = new TestMemory(SIZE, CUTS);
    using shared = mapShared(guest.fd, 0, SIZE);
    using log = mapDirtyLog(guest.fd, SIZE - 8, 8);
    await using _scribbler = await Scribbler.start(guest.fd, SCRIBBLED);
    const chain = new DescriptorChain();
    const into = new Uint8Array(SIZE);
    const codes = new Set<string>();
    const held = liveResources();
    let requests = 0;
    const handle = (draw: Draw, queue: Virtqueue): void => {
      requests++;
      checkChain(chain, guest);
      chain.readable.read(into, 0, 64);
      if (draw.below(4) > 0) {
        chain.writable.write(into, 0, draw.below(64));
        queue.complete(chain);
        queue.needsNotify();
      }
      assert.ok(queue.inFlight >= 0 && queue.inFlight <= QUEUE);
    };
    const serve = (draw: Draw, queue: Virtqueue): void => {
      try {
        for (const request of parked(draw, queue)) {
          queue.recover(chain, request);
          handle(draw, queue);
        }
        // The other thread makes more available all the time
        for (let i = 0; i < 4 * QUEUE && queue.pop(chain); i++) handle(draw, queue);
        queue.disableKicks();
        queue.enableKicks();
      } catch (error) {
        assert.ok(error instanceof VirtqueueError, String(error));
        assert.equal(queue.broken, true);
        assert.equal(queue.pop(chain), false);
        codes.add(error.code);
      }
    };
    await loop((draw) => {
      shared.bytes.fill(0, 0, 0x2000);
      const { ring, base } = kind === 'split' ? scatterSplit(draw, guest) : scatterPacked(draw, guest);
      const place = draw.once(16) ? overlapping(draw, guest, kind) : ring;
      const region = guest.memory.viewUser(REGION, inflightStride(kind, QUEUE))!;
      if (draw.once(8)) for (let i = 0; i < 40; i++) region[i] = draw.below(i < 24 ? 3 : 256);
      const inflight = draw.once(3) ? { inflight: region } : {};
      const options = { size: QUEUE, base, eventIdx: !draw.once(4), indirect: true, ...inflight };
      const Queue = kind === 'split' ? SplitQueue : PackedQueue;
      let queue: Virtqueue;
      try {
        queue = new Queue(guest.memory, place, options);
      } catch (error) {
        assert.ok(error instanceof VirtqueueError, String(error));
        codes.add(error.code);
        return;
      }
      queue.logTo(log, 0, 0x100);
      serve(draw, queue);
      assert.deepEqual(liveResources(), held);
    });
    assert.ok(requests > 100, `${requests} requests were taken`);
    for (const code of ['ADDRESS', 'ORDER'].map((what) => `ERR_DESCRIPTOR_${what}`))
      assert.ok(codes.has(code), `${code} never came up`);
    for (const code of ['ERR_CHAIN_LENGTH', 'ERR_INDIRECT', 'ERR_INFLIGHT', ...EXPECTED[kind]])
      assert.ok(codes.has(code), `${code} never came up`);
  });
