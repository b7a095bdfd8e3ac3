import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import {
  createEventfd,
  createMemfd,
  createPipe,
  drainEventfd,
  liveResources,
  writeFrom,
} from '../../src/sys/index.ts';
import {
  addressBytes,
  FEATURES,
  ints,
  RAM_SIZE,
  SessionRig,
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
