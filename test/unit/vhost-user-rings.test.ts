import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import {
  createEventfd,
  createMemfd,
  createPipe,
  drainEventfd,
  liveResources,
  mapShared,
  writeFrom,
} from '../../src/sys/index.ts';
import { DescriptorChain } from '../../src/virtio/index.ts';
import {
  addressBytes,
  FEATURES,
  ints,
  joined,
  LOG_ALL,
  NEGOTIATED,
  PACKED,
  RAM_SIZE,
  RigRam,
  SessionRig,
  sealedMemfd,
  startedRig,
  USER,
  u64,
  words,
} from '../support/vhost-user-rig.ts';

let held: string[];
beforeEach(() => {
  held = liveResources();
});
afterEach(() => {
  assert.deepEqual(liveResources(), held);
});

describe('life of a ring', () => {
  test('it starts with SET_VRING_KICK, without a kick, and stops with GET_VRING_BASE', () => {
    using f = startedRig();
    const { rig, ram } = f;
    const ring = rig.session.rings[1]!;
    assert.equal(ring.started, false);
    ram.start(rig, 1, 7);
    assert.equal(ring.started, true);
    assert.equal(ring.queue?.base, 7);
    assert.equal(rig.backEnd.calls.at(-1), 'startRing 1');
    rig.backEnd.during = (_, stopping) => assert.equal(stopping?.queue?.base, 7);
    assert.equal(rig.ask(11, ints(1, 0)), 1n | (7n << 32n));
    assert.equal(rig.backEnd.calls.at(-1), 'stopRing 1');
    assert.equal(ring.started, false);
    assert.equal(ring.kick, undefined);
    rig.backEnd.during = undefined;
    assert.equal(rig.ask(11, ints(1, 0)), 1n | (7n << 32n), 'a stopped ring still tells its base');
    assert.equal(rig.backEnd.calls.filter((call) => call === 'stopRing 1').length, 1);
  });

  test('it starts again where it stopped, with a kick alone', () => {
    using f = startedRig(0);
    const { rig, ram } = f;
    rig.ask(11, ints(0, 0));
    assert.equal(rig.tell(12, u64(0), [ram.kick.number]), 0n);
    assert.equal(rig.session.rings[0]?.started, true);
  });

  test('a kick descriptor may be replaced while the ring runs', () => {
    using f = startedRig(0);
    const { rig } = f;
    const { queue, kick } = rig.session.rings[0]!;
    using other = createEventfd('other kick');
    assert.equal(rig.tell(12, u64(0), [other.number]), 0n);
    assert.equal(rig.session.rings[0]!.queue, queue);
    assert.equal(kick?.closed, true);
    assert.deepEqual(rig.backEnd.calls.slice(-2), ['claim', 'startRing 0']);
  });

  test('a ring without a kick descriptor is started and polled', () => {
    using f = startedRig(0);
    const { rig } = f;
    rig.ask(11, ints(0, 0));
    assert.equal(rig.tell(12, u64(0x100)), 0n);
    assert.equal(rig.session.rings[0]?.started, true);
    assert.equal(rig.session.rings[0]?.polled, true);
  });

  test('enabled is remembered while stopped, and can be set before anything else', () => {
    using rig = new SessionRig();
    rig.send(18, ints(2, 1));
    assert.equal(rig.session.rings[2]?.enabled, true);
    assert.deepEqual(rig.backEnd.calls, ['enableRing 2 true']);
    rig.negotiate();
    assert.equal(rig.session.rings[2]?.enabled, true);
    assert.equal(rig.session.rings[0]?.enabled, false);
    assert.equal(rig.tell(18, ints(2, 0)), 0n);
    assert.equal(rig.session.rings[2]?.enabled, false);
  });

  test('without protocol features all rings are enabled by SET_FEATURES', () => {
    using rig = new SessionRig();
    rig.send(2, u64(FEATURES & ~(1n << 30n)));
    assert.ok(rig.session.rings.every((ring) => ring.enabled));
    assert.equal(rig.backEnd.calls.filter((call) => call.endsWith('true')).length, 3);
  });

  test('the driver is called, also for what was completed before it gave the descriptor', () => {
    using f = startedRig(0);
    const { rig, ram } = f;
    drainEventfd(ram.call.number);
    rig.session.notify(rig.session.rings[0]!);
    assert.equal(drainEventfd(ram.call.number), true);
    using other = createEventfd('other call');
    rig.tell(13, u64(0), [other.number]);
    assert.equal(drainEventfd(other.number), true);
    rig.session.notify(rig.session.rings[0]!);
    assert.equal(drainEventfd(ram.call.number), false);
    assert.equal(drainEventfd(other.number), true);
    rig.ask(11, ints(0, 0));
    using stopped = createEventfd('call of a stopped ring');
    rig.tell(13, u64(0), [stopped.number]);
    assert.equal(drainEventfd(stopped.number), false, 'a suspended device is silent');
    rig.tell(13, u64(0x100));
    rig.session.notify(rig.session.rings[0]!);
    assert.equal(drainEventfd(stopped.number), false);
  });

  test('a broken ring is reported through its error descriptor', () => {
    using f = startedRig(0);
    using error = createEventfd('error');
    assert.equal(f.rig.tell(14, u64(0), [error.number]), 0n);
    f.rig.session.reportBroken(f.rig.session.rings[0]!);
    assert.equal(drainEventfd(error.number), true);
  });

  test('RESET_DEVICE stops the rings and keeps the connection', () => {
    using f = startedRig(0, 1);
    const { rig } = f;
    rig.tell(18, ints(0, 1));
    rig.backEnd.during = (call) => {
      if (call === 'reset') assert.equal(rig.session.rings[0]?.started, true);
    };
    assert.equal(rig.tell(34), 0n);
    assert.ok(rig.session.rings.every((ring) => !ring.started && !ring.enabled));
    assert.equal(rig.session.features, 0n);
    assert.equal(rig.ask(11, ints(0, 0)), 0n, 'the base is back at 0');
    assert.equal(rig.tell(2, u64(FEATURES)), 0n);
    f.ram.start(rig, 0);
    assert.equal(rig.session.rings[0]?.started, true, 'memory is still there');
  });

  test('a back end that cannot stop a ring refuses, and the ring runs on', () => {
    using f = startedRig(0);
    f.rig.backEnd.refuse.add('stopRing');
    f.rig.send(11, ints(0, 0));
    assert.equal(f.rig.receive()?.payload.length, 0);
    assert.equal(f.rig.session.rings[0]?.started, true);
  });

  test('two starts and stops of everything release everything', () => {
    using f = startedRig(0, 1, 2);
    const before = liveResources().length;
    for (let turn = 0; turn < 100; turn++) {
      for (const ring of [0, 1, 2]) f.rig.ask(11, ints(ring, 0));
      for (const ring of [0, 1, 2]) f.ram.start(f.rig, ring);
    }
    assert.equal(liveResources().length, before);
  });
});

describe('packed rings', () => {
  /** A session that agreed on packed rings, with memory. */
  function packedRig() {
    const f = startedRig();
    assert.equal(f.rig.tell(2, u64(FEATURES | PACKED)), 0n);
    return f;
  }

  test('begin with both wrap counters set, and say where both sides stand', () => {
    using f = packedRig();
    const { rig, ram } = f;
    assert.equal(rig.tell(8, ints(1, 8)), 0n);
    assert.equal(rig.tell(9, addressBytes(1, USER + 0x2000, 8)), 0n);
    assert.equal(rig.tell(12, u64(1), [ram.kick.number]), 0n);
    assert.equal(rig.session.rings[1]?.queue?.kind, 'packed');
    assert.equal(rig.ask(11, ints(1, 0)), 1n | (0x8000_8000n << 32n));
    ram.start(rig, 1, 0x8005_0003);
    assert.equal(rig.session.rings[1]?.queue?.base, 0x8005_0003);
    assert.equal(rig.ask(11, ints(1, 0)), 1n | (0x8005_0003n << 32n));
    assert.equal(rig.ask(11, ints(2, 0)), 2n | (0x8000_8000n << 32n), 'one that never ran');
  });

  test('need not have a power of two entries', () => {
    using f = packedRig();
    assert.equal(f.rig.tell(8, ints(0, 7)), 0n);
    assert.equal(f.rig.tell(10, ints(0, 0x8000_8000)), 0n);
    assert.equal(f.rig.tell(9, addressBytes(0, USER + 0x1000, 8)), 0n);
    assert.equal(f.rig.tell(12, u64(0), [f.ram.kick.number]), 0n);
    assert.equal(f.rig.session.rings[0]?.queue?.size, 7);
  });

  test('cannot go on where no ring of their size can stand', () => {
    using f = packedRig();
    for (const base of [0x8000_8009, 0x8009_8000, 0x0000_8005]) {
      assert.throws(() => f.ram.start(f.rig, 0, base), /did not start/, base.toString(16));
      assert.equal(f.rig.refusals.pop(), 'SET_VRING_KICK ERR_RING');
    }
    assert.ok(f.rig.alive());
  });

  test('are what the features say when they start, run by run', () => {
    using f = packedRig();
    const { rig, ram } = f;
    ram.start(rig, 0, 0x8000_8000);
    assert.equal(rig.tell(2, u64(FEATURES)), 1n, 'not while one runs');
    rig.ask(11, ints(0, 0));
    assert.equal(rig.tell(2, u64(FEATURES)), 0n);
    assert.equal(
      rig.tell(12, u64(0), [ram.kick.number]),
      1n,
      'where a packed ring stood no split one goes on',
    );
    assert.equal(rig.tell(10, ints(0, 0x8000_8000)), 1n);
    assert.deepEqual(rig.refusals, [
      'SET_FEATURES ERR_NOT_NOW',
      'SET_VRING_KICK ERR_RING_BASE',
      'SET_VRING_BASE ERR_RING_BASE',
    ]);
    ram.start(rig, 0, 5);
    assert.equal(rig.session.rings[0]?.queue?.kind, 'split');
    assert.equal(rig.ask(11, ints(0, 0)), 5n << 32n);
  });

  test('take their base before the features, and refuse it when the features say otherwise', () => {
    using rig = new SessionRig();
    using ram = new RigRam();
    rig.send(16, u64(NEGOTIATED));
    assert.equal(rig.tell(10, ints(0, 0x8001_8001)), 0n);
    rig.backEnd.profile = { ...rig.backEnd.profile, features: FEATURES };
    assert.equal(rig.tell(10, ints(0, 0x8001_8001)), 1n, 'where packed rings are not offered');
    rig.tell(2, u64(FEATURES));
    ram.give(rig);
    rig.tell(8, ints(0, 8));
    rig.tell(9, addressBytes(0, USER + 0x1000, 8));
    assert.equal(rig.tell(12, u64(0), [ram.kick.number]), 1n);
    assert.deepEqual(rig.refusals, ['SET_VRING_BASE ERR_RING_BASE', 'SET_VRING_KICK ERR_RING_BASE']);
  });

  test('are logged where they lie, whatever address the front end gives for it', () => {
    using f = packedRig();
    const { rig, ram } = f;
    using logFile = sealedMemfd('log', 4096);
    using log = mapShared(logFile, 0, 4096);
    const dirty = () => {
      const pages = [...log.bytes.subarray(0, 8)].flatMap((byte, i) =>
        [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => (byte & (1 << bit)) !== 0).map((bit) => i * 8 + bit),
      );
      log.bytes.fill(0);
      return pages;
    };
    rig.ask(6, words(4096, 0), { fds: [logFile.number] });
    rig.tell(2, u64(FEATURES | PACKED | LOG_ALL));
    const [ring, driver, device] = [0x3000, 0x6000, 0x9000];
    const place = (flags: number) =>
      joined(ints(0, flags), words(USER + ring, USER + device, USER + driver, 0xf000));
    rig.tell(8, ints(0, 8));
    rig.tell(10, ints(0, 0x8000_8000));
    assert.equal(rig.tell(9, place(1)), 0n);
    assert.equal(rig.tell(12, u64(0), [ram.kick.number]), 0n);
    using guest = mapShared(ram.memory, 0, RAM_SIZE);
    const view = new DataView(guest.buffer);
    const queue = rig.session.rings[0]!.queue!;
    const chain = new DescriptorChain();
    const serve = (index: number) => {
      view.setBigUint64(ring + 16 * index, 0x20000n, true);
      view.setUint32(ring + 16 * index + 8, 16, true);
      view.setUint16(ring + 16 * index + 12, 5, true);
      view.setUint16(ring + 16 * index + 14, 0x82, true);
      assert.equal(queue.pop(chain), true);
      chain.writable.fill(1, 1);
      queue.complete(chain);
    };
    serve(0);
    assert.deepEqual(dirty(), [3, 0x20]);
    queue.enableKicks();
    assert.deepEqual(dirty(), [9]);
    assert.equal(rig.tell(9, place(0)), 0n);
    serve(1);
    queue.enableKicks();
    assert.deepEqual(dirty(), [0x20], 'the data alone');
  });
});

describe('what a ring refuses', () => {
  const rows: { what: string; id: number; payload: Uint8Array; fds?: 'call' | 'none'; code: string }[] = [
    ...[3, 99, 256, 0x10000, 0xffffffff].flatMap((index) => [
      { what: `NUM of ring ${index}`, id: 8, payload: ints(index, 8), code: 'ERR_RING_INDEX' },
      { what: `BASE of ring ${index}`, id: 10, payload: ints(index, 0), code: 'ERR_RING_INDEX' },
      { what: `GET_BASE of ring ${index}`, id: 11, payload: ints(index, 0), code: 'ERR_RING_INDEX' },
      { what: `ENABLE of ring ${index}`, id: 18, payload: ints(index, 1), code: 'ERR_RING_INDEX' },
      { what: `ADDR of ring ${index}`, id: 9, payload: addressBytes(index, USER, 8), code: 'ERR_RING_INDEX' },
    ]),
    ...[0, 3, 17, 512, 65536, 0x80000000].map((size) => ({
      what: `${size} entries`,
      id: 8,
      payload: ints(0, size),
      code: 'ERR_RING_SIZE',
    })),
    { what: 'base 65536', id: 10, payload: ints(0, 0x10000), code: 'ERR_RING_BASE' },
    { what: 'enabled with 2', id: 18, payload: ints(0, 2), code: 'ERR_RING_ENABLE' },
    { what: 'kick of ring 200', id: 12, payload: u64(200), fds: 'call', code: 'ERR_RING_INDEX' },
    { what: 'kick of ring 256 + 512', id: 12, payload: u64(0x300), fds: 'call', code: 'ERR_RING_INDEX' },
    { what: 'kick with upper bits', id: 12, payload: u64(1n << 40n), fds: 'call', code: 'ERR_RING_INDEX' },
    { what: 'kick without a descriptor', id: 12, payload: u64(0), code: 'ERR_FD_COUNT' },
    {
      what: 'call with a descriptor it denies',
      id: 13,
      payload: u64(0x100),
      fds: 'call',
      code: 'ERR_FD_COUNT',
    },
    { what: 'kick before NUM', id: 12, payload: u64(1), fds: 'call', code: 'ERR_NOT_NOW' },
    {
      what: 'addresses without memory',
      id: 9,
      payload: addressBytes(0, 0x1000, 8),
      code: 'ERR_RING_ADDRESS',
    },
    {
      what: 'addresses that run out of memory',
      id: 9,
      payload: addressBytes(0, USER + RAM_SIZE - 16, 8),
      code: 'ERR_RING_ADDRESS',
    },
    {
      what: 'addresses beyond 2^53',
      id: 9,
      payload: new Uint8Array(40).fill(0xff, 8),
      code: 'ERR_NUMBER_TOO_LARGE',
    },
  ];
  for (const { what, id, payload, fds, code } of rows)
    test(what, () => {
      using f = startedRig();
      f.rig.tell(8, ints(0, 8));
      const passed = fds === 'call' ? [f.ram.call.number] : [];
      f.rig.send(id, payload, { flags: 9, fds: passed });
      assert.deepEqual(f.rig.receive()?.payload, id === 11 ? new Uint8Array(0) : u64(1));
      assert.equal(f.rig.refusals[0]?.split(' ')[1], code);
      assert.ok(f.rig.alive());
      assert.ok(f.rig.session.rings.every((ring) => !ring.started));
    });

  test('settings of a running ring', () => {
    using f = startedRig(0);
    assert.equal(f.rig.tell(8, ints(0, 16)), 1n);
    assert.equal(f.rig.tell(10, ints(0, 1)), 1n);
    assert.equal(f.rig.tell(2, u64(FEATURES & ~(1n << 29n))), 1n, 'features other than logging');
    assert.deepEqual(f.rig.refusals, [
      'SET_VRING_NUM ERR_NOT_NOW',
      'SET_VRING_BASE ERR_NOT_NOW',
      'SET_FEATURES ERR_NOT_NOW',
    ]);
    assert.equal(f.rig.session.rings[0]?.queue?.size, 8);
  });

  test('ring addresses that are not aligned in memory, at the start', () => {
    using f = startedRig();
    f.rig.tell(8, ints(0, 8));
    assert.equal(f.rig.tell(9, addressBytes(0, USER + 0x1001, 8)), 0n);
    assert.equal(f.rig.tell(12, u64(0), [f.ram.kick.number]), 1n);
    assert.deepEqual(f.rig.refusals, ['SET_VRING_KICK ERR_RING']);
    assert.equal(f.rig.session.rings[0]?.kick, undefined);
  });

  test('anything that is no eventfd', () => {
    using f = startedRig();
    using file = createMemfd('file', 4096);
    const pipe = createPipe('pipe');
    using read = pipe.read;
    using write = pipe.write;
    for (const id of [12, 13, 14])
      for (const fd of [file, read, write, f.rig.socket]) {
        assert.equal(f.rig.tell(id, u64(0), [fd.number]), 1n);
        assert.match(f.rig.refusals.pop() ?? '', /ERR_NOT_EVENTFD/);
      }
    assert.ok(f.rig.alive());
  });

  test('a call descriptor that is full, and whose writers would wait, does not stop the session', () => {
    using f = startedRig();
    using call = createEventfd('full call');
    call.setNonBlocking(false);
    writeFrom(call, words(2n ** 64n - 2n));
    f.rig.tell(13, u64(0), [call.number]);
    f.rig.session.notify(f.rig.session.rings[0]!);
    assert.ok(f.rig.alive());
  });
});
