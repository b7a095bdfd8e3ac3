/** GET_INFLIGHT_FD and SET_INFLIGHT_FD: the region in which unfinished requests outlive a back end. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, test } from 'node:test';
import {
  closeAll,
  createEventfd,
  createMemfd,
  type Fd,
  liveResources,
  mapShared,
  Seal,
} from '../../src/sys/index.ts';
import { ProtocolFeature } from '../../src/vhost-user/index.ts';
import { DescriptorChain, inflightStride } from '../../src/virtio/index.ts';
import {
  FEATURES,
  ints,
  NEGOTIATED,
  PACKED,
  RAM_SIZE,
  SessionRig,
  sealedMemfd,
  startedRig,
  u64,
  words,
} from '../support/vhost-user-rig.ts';

const GET = 31;
const SET = 32;

let held: string[];
beforeEach(() => {
  held = liveResources();
});
afterEach(() => {
  assert.deepEqual(liveResources(), held);
});

/** u64 size, u64 offset, u16 queues, u16 queue size, u32 nothing. */
function inflight(queues: number, queueSize: number, size: number | bigint = 0, offset: number | bigint = 0) {
  const payload = new Uint8Array(24);
  payload.set(words(size, offset));
  new DataView(payload.buffer).setUint16(16, queues, true);
  new DataView(payload.buffer).setUint16(18, queueSize, true);
  return payload;
}

/** Ask for a region and return its descriptor and its size. */
function get(rig: SessionRig, queues = 3, queueSize = 8): { fd: Fd; size: number } {
  rig.send(GET, inflight(queues, queueSize));
  const reply = rig.receive();
  assert.equal(reply?.payload.length, 24, String(rig.refusals));
  assert.equal(reply.fds.length, 1);
  const view = new DataView(reply.payload.buffer);
  assert.equal(view.getBigUint64(8, true), 0n);
  assert.deepEqual([view.getUint16(16, true), view.getUint16(18, true)], [queues, queueSize]);
  return { fd: reply.fds[0]!, size: Number(view.getBigUint64(0, true)) };
}

const set = (rig: SessionRig, payload: Uint8Array, ...fds: Fd[]) =>
  rig.tell(
    SET,
    payload,
    fds.map((fd) => fd.number),
  );

describe('the region that a back end makes', () => {
  for (const [kind, features, stride] of [
    ['split', FEATURES, 192],
    ['packed', FEATURES | PACKED, 320],
  ] as const)
    test(`has room for every ${kind} queue, is empty, and keeps its size`, () => {
      using rig = new SessionRig();
      rig.negotiate(features);
      const { fd, size } = get(rig);
      using _fd = fd;
      assert.equal(size, 3 * stride);
      assert.equal(fd.seals! & (Seal.shrink | Seal.grow), Seal.shrink | Seal.grow);
      using mapped = mapShared(fd, 0, size);
      const expected = new Uint8Array(size);
      for (const queue of [0, 1, 2]) expected[queue * stride + 10] = 8;
      assert.deepEqual(mapped.bytes.subarray(0, size), expected, 'nothing but how many entries there are');
    });

  test('is replaced by the next one, a thousand times, and nothing of it is left', () => {
    using rig = new SessionRig();
    rig.negotiate();
    get(rig).fd[Symbol.dispose]();
    const before = [readdirSync('/proc/self/fd').length, liveResources().length];
    for (let turn = 0; turn < 1000; turn++) {
      const { fd, size } = get(rig);
      assert.equal(set(rig, inflight(3, 8, size), fd), 0n);
      fd[Symbol.dispose]();
    }
    assert.deepEqual([readdirSync('/proc/self/fd').length, liveResources().length], before);
  });

  for (const [queues, queueSize] of [
    [0, 8],
    [4, 8],
    [0xffff, 8],
    [3, 0],
    [3, 512],
    [3, 0xffff],
  ] as const)
    test(`is not made for ${queues} queues of ${queueSize} entries`, () => {
      using rig = new SessionRig();
      rig.negotiate();
      rig.send(GET, inflight(queues, queueSize), { flags: 9 });
      const reply = rig.receive();
      assert.deepEqual([reply?.payload.length, reply?.fds.length], [0, 0]);
      assert.deepEqual(rig.refusals, ['GET_INFLIGHT_FD ERR_INFLIGHT']);
      assert.equal(rig.receive(), undefined);
      assert.ok(rig.alive());
    });

  test('is in use from then on, until the device is reset', () => {
    using f = startedRig();
    const { fd } = get(f.rig);
    using mapped = mapShared(fd, 0, 576);
    fd[Symbol.dispose]();
    f.ram.start(f.rig, 1);
    takeOne(f, 1);
    assert.equal(mapped.bytes[inflightStride('split', 8) + 16], 1, 'entry 0 of queue 1');
    const before = liveResources().length;
    assert.equal(f.rig.tell(34), 0n);
    assert.equal(liveResources().length, before - 2, 'the region and the kick');
  });
});

/** Put a request with descriptor 0 into ring `index`, and have the queue take it. */
function takeOne({ rig, ram }: ReturnType<typeof startedRig>, index: number): DescriptorChain {
  using guest = mapShared(ram.memory, 0, RAM_SIZE);
  const view = new DataView(guest.buffer);
  const base = 0x1000 * (index + 1);
  view.setBigUint64(base, 0x8000n, true);
  view.setUint32(base + 8, 64, true);
  view.setUint16(base + 12, 2, true);
  const available = base + 16 * 8;
  const at = view.getUint16(available + 2, true);
  view.setUint16(available + 4 + (at % 8) * 2, 0, true);
  view.setUint16(available + 2, at + 1, true);
  const chain = new DescriptorChain();
  assert.equal(rig.session.rings[index]?.queue?.pop(chain), true);
  return chain;
}

describe('the region that comes back', () => {
  test('may lie anywhere in its file, and be larger than it needs to be', () => {
    using f = startedRig();
    using file = sealedMemfd('region', 0x4000);
    using mapped = mapShared(file, 0, 0x4000);
    assert.equal(set(f.rig, inflight(2, 256, 0x2100, 0x1040), file), 0n);
    f.ram.start(f.rig, 1);
    takeOne(f, 1);
    assert.equal(mapped.bytes[0x1040 + inflightStride('split', 256) + 16], 1);
    assert.deepEqual(f.rig.warnings, []);
  });

  test('is warned of where its file can shrink', () => {
    using rig = new SessionRig();
    rig.negotiate();
    using file = createMemfd('region', 0x4000);
    assert.equal(set(rig, inflight(1, 8, 0x1000), file), 0n);
    assert.match(rig.warnings.join(), /not sealed against shrinking/);
  });

  test('tells the next back end what is unfinished', () => {
    using fd = (() => {
      using f = startedRig();
      const region = get(f.rig).fd;
      f.ram.start(f.rig, 1);
      takeOne(f, 1);
      return region;
    })();
    using f = startedRig();
    assert.equal(set(f.rig, inflight(3, 8, 576), fd), 0n);
    let unfinished: unknown;
    f.rig.backEnd.during = (call, ring) => {
      if (call === 'startRing 1') unfinished = ring?.queue?.unfinished;
    };
    f.ram.start(f.rig, 1);
    assert.deepEqual(unfinished, [{ head: 0 }]);
    assert.equal(f.rig.session.rings[1]?.queue?.base, 1, 'the request is not taken from the ring again');
  });

  test('of a version that nobody knows stops its ring from starting', () => {
    using f = startedRig();
    using file = sealedMemfd('region', 0x1000);
    using mapped = mapShared(file, 0, 0x1000);
    mapped.bytes[8] = 2;
    assert.equal(set(f.rig, inflight(1, 8, 0x1000), file), 0n);
    assert.throws(() => f.ram.start(f.rig, 0), /did not start/);
    assert.equal(f.rig.refusals.at(-1), 'SET_VRING_KICK ERR_INFLIGHT');
    assert.equal(f.rig.session.rings[0]?.started, false);
    assert.ok(f.rig.alive());
  });

  test('leaves no ring out', () => {
    using f = startedRig();
    using file = sealedMemfd('region', 0x1000);
    assert.equal(set(f.rig, inflight(1, 8, 0x1000), file), 0n);
    f.ram.start(f.rig, 0);
    assert.throws(() => f.ram.start(f.rig, 1), /did not start/);
    assert.equal(f.rig.refusals.at(-1), 'SET_VRING_KICK ERR_INFLIGHT');
    assert.equal(f.rig.session.rings[1]?.started, false);
  });

  test('for smaller rings than the driver makes is told about, and the ring runs without', () => {
    using f = startedRig();
    using file = sealedMemfd('region', 0x1000);
    using mapped = mapShared(file, 0, 0x1000);
    assert.equal(set(f.rig, inflight(1, 4, 0x1000), file), 0n);
    f.ram.start(f.rig, 0);
    assert.match(f.rig.warnings.join(), /Ring 0 has 8 entries, its inflight region has room for 4/);
    assert.equal(f.rig.session.rings[0]?.mayLeaveInflight, false);
    assert.ok(mapped.bytes.every((byte) => byte === 0));
  });

  test('that is too small for packed queues is found out when one starts', () => {
    using f = startedRig();
    const { fd, size } = get(f.rig, 3, 8);
    using _fd = fd;
    assert.equal(f.rig.tell(2, u64(FEATURES | PACKED)), 0n);
    assert.equal(set(f.rig, inflight(3, 8, size), fd), 1n, 'by its size');
    assert.throws(() => f.ram.start(f.rig, 2, 0x8000_8000), /did not start/);
    assert.equal(f.rig.refusals.at(-1), 'SET_VRING_KICK ERR_INFLIGHT');
  });

  const hostile: [what: string, payload: Uint8Array, file: 'memory' | 'event', count?: number][] = [
    ['without a descriptor', inflight(3, 8, 576), 'memory', 0],
    ['with two descriptors', inflight(3, 8, 576), 'memory', 2],
    ['with nine descriptors', inflight(3, 8, 576), 'memory', 9],
    ['in an eventfd', inflight(3, 8, 576), 'event'],
    ['of no bytes', inflight(3, 8, 0), 'memory'],
    ['of a byte less than it takes', inflight(3, 8, 575), 'memory'],
    ['that ends beyond its file', inflight(3, 8, 576, 0x1000 - 575), 'memory'],
    ['that starts beyond its file', inflight(3, 8, 576, 0x10000), 'memory'],
    ['larger than its file', inflight(3, 8, 0x1001), 'memory'],
    ['of 2^63 bytes', inflight(3, 8, 2n ** 63n), 'memory'],
    ['whose end wraps', inflight(3, 8, 576, 2n ** 64n - 64n), 'memory'],
    ['that ends at 2^53', inflight(3, 8, 576, 2n ** 53n - 100n), 'memory'],
    ['for no queue', inflight(0, 8, 576), 'memory'],
    ['for more queues than there are', inflight(4, 8, 0x1000), 'memory'],
    ['for 65535 queues', inflight(0xffff, 8, 0x1000), 'memory'],
    ['for queues without entries', inflight(3, 0, 576), 'memory'],
    ['for queues that are too long', inflight(1, 512, 0x1000), 'memory'],
  ];
  for (const [what, payload, kind, count = 1] of hostile)
    test(`${what} is refused`, () => {
      using rig = new SessionRig();
      rig.negotiate();
      using memory = sealedMemfd('region', 0x1000);
      using event = createEventfd('no region');
      const fd = kind === 'memory' ? memory : event;
      assert.equal(set(rig, payload, ...Array(count).fill(fd)), 1n);
      assert.match(rig.refusals.join(), /^SET_INFLIGHT_FD ERR_/);
      assert.ok(rig.alive());
    });
});

test('while a ring runs neither request is served', () => {
  using f = startedRig(0);
  using file = sealedMemfd('region', 0x1000);
  assert.equal(set(f.rig, inflight(3, 8, 576), file), 1n);
  f.rig.send(GET, inflight(3, 8));
  const reply = f.rig.receive();
  closeAll(reply?.fds ?? []);
  assert.equal(reply?.payload.length, 0);
  assert.deepEqual(f.rig.refusals, ['SET_INFLIGHT_FD ERR_NOT_NOW', 'GET_INFLIGHT_FD ERR_NOT_NOW']);
});

test('a ring may stop with unfinished requests where both features are there, and a region', () => {
  for (const leave of [true, false])
    for (const region of [true, false]) {
      using f = startedRig();
      f.rig.send(16, u64(leave ? NEGOTIATED : NEGOTIATED & ~ProtocolFeature.GET_VRING_BASE_INFLIGHT));
      if (region) get(f.rig).fd[Symbol.dispose]();
      f.ram.start(f.rig, 0);
      assert.equal(f.rig.session.rings[0]?.mayLeaveInflight, leave && region);
      // The number in the request says nothing about it
      for (const num of [0, 1]) assert.equal(f.rig.ask(11, ints(0, num)), 0n);
      assert.equal(f.rig.session.rings[0]?.mayLeaveInflight, false);
    }
});
