import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { createMemfd, liveResources, mapShared, PAGE_SIZE } from '../../src/sys/index.ts';
import { SERVED_PROTOCOL_FEATURES } from '../../src/vhost-user/index.ts';
import { DescriptorChain } from '../../src/virtio/index.ts';
import {
  addressBytes,
  FakeBackEnd,
  FEATURES,
  ints,
  joined,
  LOG_ALL,
  NEGOTIATED,
  PACKED,
  RAM_SIZE,
  RigRam,
  regionBytes,
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

describe('memory', () => {
  test('a table replaces everything, several regions of one file among it', () => {
    using f = startedRig();
    const { rig, ram } = f;
    const table = Buffer.concat([
      ints(3, 0),
      words(0, 0xc000, USER, 0),
      words(0x10000, 0x3b10, USER + 0x10000, 0xc000),
      words(0x20000, 0x1000, USER + 0x20000, 0x20000),
    ]);
    const before = liveResources().length;
    assert.equal(rig.tell(5, new Uint8Array(table), Array(3).fill(ram.memory.number)), 0n);
    assert.equal(liveResources().length, before + 2);
    rig.tell(8, ints(0, 8));
    assert.equal(rig.tell(9, addressBytes(0, USER + 0x13000, 8)), 0n);
    assert.equal(rig.tell(9, addressBytes(0, USER + 0xc000, 8)), 1n);
    assert.equal(rig.tell(5, ints(0, 0)), 0n);
    assert.equal(liveResources().length, before - 1);
  });

  test('a running ring follows its memory into a new table', () => {
    using f = startedRig(0);
    const { rig, ram } = f;
    const table = Buffer.concat([ints(1, 0), words(0, RAM_SIZE, USER, 0)]);
    assert.equal(rig.tell(5, new Uint8Array(table), [ram.memory.number]), 0n);
    using guest = mapShared(ram.memory, 0, RAM_SIZE);
    const view = new DataView(guest.buffer);
    view.setUint32(0x1008, 0, true);
    view.setUint16(0x1000 + 16 * 8 + 2, 1, true);
    const chain = new DescriptorChain();
    assert.equal(rig.session.rings[0]?.queue?.pop(chain), true);
  });

  test('memory under a running ring cannot be taken away, neither by a table nor by removal', () => {
    using f = startedRig(0);
    const { rig } = f;
    const before = liveResources().length;
    assert.equal(rig.tell(5, ints(0, 0)), 1n);
    assert.equal(rig.tell(38, regionBytes(0, RAM_SIZE, USER)), 1n);
    assert.equal(liveResources().length, before);
    assert.equal(rig.session.rings[0]?.queue?.pop(new DescriptorChain()), false);
    rig.ask(11, ints(0, 0));
    assert.equal(rig.tell(38, regionBytes(0, RAM_SIZE, USER)), 0n);
  });

  test('a removed region may be named with a stray descriptor, which is closed', () => {
    using f = startedRig();
    assert.equal(f.rig.tell(38, regionBytes(0, RAM_SIZE, USER), [f.ram.memory.number]), 0n);
    assert.equal(f.rig.tell(38, regionBytes(0, RAM_SIZE, USER)), 1n);
    assert.equal(f.ram.give(f.rig), 0n);
  });

  test('memory goes only when nobody else works on it, and comes without asking', () => {
    using f = startedRig(0);
    const { rig, ram } = f;
    const { calls, refuse } = rig.backEnd;
    const far = regionBytes(RAM_SIZE, 0x1000, USER + RAM_SIZE);
    calls.length = 0;
    assert.equal(rig.tell(37, far, [ram.memory.number]), 0n);
    assert.deepEqual(calls.splice(0), ['memoryChanged']);
    assert.equal(rig.tell(38, far), 0n);
    assert.deepEqual(calls.splice(0), ['releaseMemory', 'memoryChanged']);
    const table = joined(ints(1, 0), words(0, RAM_SIZE, USER, 0));
    refuse.add('releaseMemory');
    const before = rig.session.rings[0]?.queue;
    assert.equal(rig.tell(5, table, [ram.memory.number]), 1n);
    assert.deepEqual(calls.splice(0), ['releaseMemory']);
    refuse.delete('releaseMemory');
    assert.equal(rig.tell(5, table, [ram.memory.number]), 0n);
    assert.deepEqual(calls.splice(0), ['releaseMemory', 'memoryChanged']);
    assert.equal(rig.session.rings[0]?.queue, before);
  });

  test('regions and rings go by guest addresses where that was agreed on, whatever the user addresses', () => {
    using rig = new SessionRig();
    using ram = new RigRam();
    rig.negotiate(FEATURES & ~LOG_ALL, SERVED_PROTOCOL_FEATURES);
    const [low, high] = [regionBytes(0, 0x8000, 0), regionBytes(0x10000, 0x8000, 0, 0x8000)];
    for (const region of [low, high]) assert.equal(rig.tell(37, region, [ram.memory.number]), 0n);
    for (const [step, payload] of [
      [8, ints(0, 8)],
      [9, addressBytes(0, USER, 8)],
      [9, addressBytes(0, 0x8000, 8)],
      [9, addressBytes(0, 0x11000, 8)],
    ] as const)
      rig.tell(step, payload);
    assert.deepEqual(rig.refusals, ['SET_VRING_ADDR ERR_RING_ADDRESS', 'SET_VRING_ADDR ERR_RING_ADDRESS']);
    assert.equal(rig.tell(12, u64(0), [ram.kick.number]), 0n);
    using guest = mapShared(ram.memory, 0, RAM_SIZE);
    const view = new DataView(guest.buffer);
    view.setUint16(0x9000 + 16 * 8 + 2, 1, true);
    assert.equal(rig.session.rings[0]?.queue?.pop(new DescriptorChain()), true);
    assert.equal(rig.tell(38, high), 1n, 'the ring lies in it');
    assert.equal(rig.tell(38, regionBytes(0, 0x8000, 0x777)), 0n, 'the user address says nothing');
    const table = joined(ints(1, 0), words(0x10000, 0x8000, 0x777, 0x8000));
    assert.equal(rig.tell(5, table, [ram.memory.number]), 0n);
    assert.equal(rig.tell(16, u64(NEGOTIATED)), 1n, 'addresses keep their meaning while there is memory');
    assert.equal(rig.tell(16, u64(SERVED_PROTOCOL_FEATURES & ~(1n << 20n))), 0n);
    rig.ask(11, ints(0, 0));
    assert.equal(rig.tell(5, ints(0, 0)), 0n);
    assert.equal(rig.tell(16, u64(NEGOTIATED)), 0n);
    assert.equal(ram.give(rig), 0n);
    assert.equal(rig.tell(9, addressBytes(0, 0x1000, 8)), 1n);
    assert.equal(rig.tell(9, addressBytes(0, USER, 8)), 0n);
  });

  test('more regions than there are slots are refused, regions of one byte are not', () => {
    const backEnd = new FakeBackEnd();
    backEnd.profile = { ...backEnd.profile, memorySlots: 20 };
    using rig = new SessionRig(backEnd);
    rig.negotiate();
    using fd = sealedMemfd('bytes', PAGE_SIZE);
    for (let i = 0; i < 20; i++)
      assert.equal(rig.tell(37, regionBytes(i * 16, 1, 0x8000 + i * 16, i), [fd.number]), 0n);
    assert.equal(rig.tell(37, regionBytes(0x100000, 1), [fd.number]), 1n);
    assert.deepEqual(rig.refusals, ['ADD_MEM_REG ERR_TOO_MANY_REGIONS']);
    for (let i = 19; i >= 0; i--) assert.equal(rig.tell(38, regionBytes(i * 16, 1, 0x8000 + i * 16)), 0n);
  });

  test('unsealed memory is warned of once', () => {
    using rig = new SessionRig();
    rig.negotiate();
    using fd = createMemfd('unsealed', RAM_SIZE);
    rig.tell(37, regionBytes(0, 0x1000), [fd.number]);
    rig.tell(37, regionBytes(0x1000, 0x1000), [fd.number]);
    assert.equal(rig.warnings.length, 1);
  });
});

describe('features and logging', () => {
  test('bits that were not offered are refused by number', () => {
    using rig = new SessionRig();
    rig.negotiate();
    assert.equal(rig.tell(2, u64(FEATURES | (1n << 35n))), 1n);
    assert.equal(rig.tell(16, u64(1n << 14n)), 1n);
    assert.deepEqual(rig.refusals, ['SET_FEATURES ERR_NOT_OFFERED', 'SET_PROTOCOL_FEATURES ERR_NOT_OFFERED']);
    assert.equal(rig.session.features, FEATURES & ~LOG_ALL);
    assert.ok(rig.alive());
  });

  test('acknowledgement works whether or not the features were asked for, and only once they are set', () => {
    using rig = new SessionRig();
    assert.equal(rig.tell(3), undefined);
    assert.equal(rig.tell(16, u64(8n)), 0n);
    assert.equal(rig.tell(3), 0n);
    assert.equal(rig.tell(16, u64(0n)), undefined);
    assert.equal(rig.tell(3), undefined);
  });

  test('requests with a reply of their own give one reply, asked for or not', () => {
    using rig = new SessionRig();
    rig.negotiate();
    assert.equal(rig.tell(17), 3n);
    assert.equal(rig.tell(36), 509n);
    assert.equal(rig.tell(1), FEATURES | PACKED);
    assert.equal(rig.receive(), undefined);
  });

  test('logging begins, follows the used ring, moves to a larger log and ends', () => {
    using f = startedRig(0);
    const { rig, ram } = f;
    using guest = mapShared(ram.memory, 0, RAM_SIZE);
    using logFd = sealedMemfd('log', PAGE_SIZE);
    using log = mapShared(logFd, 0, PAGE_SIZE);
    const chain = new DescriptorChain();
    /** One request of one writable byte at 0x5000; returns the pages that were marked. */
    const serve = (): number[] => {
      log.bytes.fill(0);
      const view = new DataView(guest.buffer);
      view.setBigUint64(0x1000, 0x5000n, true);
      view.setUint32(0x1008, 1, true);
      view.setUint16(0x100c, 2, true);
      const available = 0x1000 + 16 * 8;
      const index = view.getUint16(available + 2, true);
      view.setUint16(available + 4 + (index % 8) * 2, 0, true);
      view.setUint16(available + 2, index + 1, true);
      const { queue } = rig.session.rings[0]!;
      assert.equal(queue?.pop(chain), true);
      chain.writable.fill(1, 1);
      queue.complete(chain);
      return [...log.bytes.keys()].flatMap((byte) =>
        [...Array(8).keys()].filter((bit) => log.bytes[byte]! & (1 << bit)).map((bit) => byte * 8 + bit),
      );
    };
    assert.deepEqual(serve(), []);
    assert.equal(rig.ask(6, words(8, 16), { fds: [logFd.number] }), 0n);
    assert.deepEqual(serve(), [], 'a log alone logs nothing');
    assert.equal(rig.tell(2, u64(FEATURES)), 0n);
    assert.deepEqual(serve(), [16 * 8 + 5]);
    assert.equal(rig.tell(9, addressBytes(0, USER + 0x1000, 8, 1, 0x9000)), 0n);
    assert.deepEqual(serve(), [16 * 8 + 5, 16 * 8 + 9]);
    const mappings = liveResources().length;
    assert.equal(rig.ask(6, words(8, 32), { fds: [logFd.number] }), 0n);
    assert.equal(liveResources().length, mappings);
    assert.deepEqual(serve(), [32 * 8 + 5, 32 * 8 + 9]);
    rig.ask(11, ints(0, 0));
    ram.start(rig, 0, 5);
    assert.deepEqual(
      serve(),
      [32 * 8 + 5],
      'a ring that starts while logging is on logs; flags were set anew',
    );
    assert.equal(rig.tell(2, u64(FEATURES & ~LOG_ALL)), 0n);
    assert.deepEqual(serve(), []);
    assert.ok(rig.backEnd.calls.includes(`setFeatures 0x${FEATURES.toString(16)}`));
  });

  test('a log too short for what is written loses marks, says so, and harms nothing', () => {
    using f = startedRig(0);
    using fd = sealedMemfd('log', PAGE_SIZE);
    using guest = mapShared(f.ram.memory, 0, RAM_SIZE);
    assert.equal(f.rig.ask(6, words(1, 0), { fds: [fd.number] }), 0n);
    f.rig.tell(2, u64(FEATURES));
    const view = new DataView(guest.buffer);
    view.setBigUint64(0x1000, 0x20000n, true);
    view.setUint32(0x1008, 0x4000, true);
    view.setUint16(0x100c, 2, true);
    view.setUint16(0x1000 + 16 * 8 + 2, 1, true);
    const chain = new DescriptorChain();
    const { queue } = f.rig.session.rings[0]!;
    assert.equal(queue?.pop(chain), true);
    chain.writable.fill(1, 0x4000);
    queue.complete(chain);
    assert.equal(f.rig.ask(6, words(1, 0), { fds: [fd.number] }), 0n);
    assert.match(f.rig.warnings.join(), /beyond the dirty log/);
  });
});
