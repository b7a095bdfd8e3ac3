/** Requests that are under way when something happens: each is answered once, whatever it is. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { DriverOptions } from '../../../src/machine/index.ts';
import { connectUnix, createEventfd, signalEventfd } from '../../../src/sys/index.ts';
import {
  FRONT_END_PROTOCOL_FEATURES,
  FrontEnd,
  GuestRam,
  ProtocolFeature,
  VirtioFeature,
} from '../../../src/vhost-user/index.ts';
import type { DeskOptions } from '../../support/device/desk-device.ts';
import { DeskGuest } from '../../support/device/desk-guest.ts';
import { saveState } from '../../support/device/guest.ts';
import { Served, testFolder } from '../../support/device/served.ts';

const KINDS: readonly (readonly [name: string, options: DriverOptions])[] = [
  ['split', { indirect: false }],
  ['split, indirect', { indirect: true }],
  ['packed', { packed: true, indirect: false }],
  ['packed, indirect', { packed: true, indirect: true }],
];

async function desk(folder: string, options: DeskOptions = {}, name = 'desk', fds: number[] = []) {
  return Served.start(folder, { device: 'desk', options, fds }, name);
}

/** Two processes for all tests that harm neither. */
const shared = testFolder();
let here: Served;
let there: Served;
before(async () => {
  [here, there] = await Promise.all([
    desk(shared.path, { queues: 2 }, 'here'),
    desk(shared.path, { queues: 2 }, 'there'),
  ]);
});
after(async () => {
  await here[Symbol.asyncDispose]();
  await there[Symbol.asyncDispose]();
  shared[Symbol.dispose]();
});

/** Whether requests were handed to the device in this order. */
function inOrder(guest: DeskGuest, ...slots: number[]): boolean {
  const answers = slots.map((slot) => guest.answer(slot) ?? 0n);
  return answers.every((answer, i) => answer > (answers[i - 1] ?? 0n));
}

for (const [kind, options] of KINDS) {
  test(`a move takes requests along that wait (${kind})`, () => {
    using guest = new DeskGuest({ queues: 2, ...options });
    guest.connect(here.path);
    for (let slot = 0; slot < 5; slot++) guest.send(slot, 'hold', 0, slot & 1);
    for (let turn = 0; turn < 100; turn++) assert.ok(guest.ask(7 + (turn % 3), 'answer', 0, turn & 1) > 0n);
    guest.stop();
    assert.deepEqual(
      guest.queues.map(({ queue }) => queue.inFlight),
      [3, 2],
    );
    const state = saveState(guest.frontEnd);
    guest.adopt(guest.prepareBackEnd(there.path));
    guest.frontEnd.loadState([state]);
    guest.send(8, 'answer');
    guest.start();
    assert.deepEqual(guest.collect(1), [8]);
    guest.ask(10, 'answer', 0, 1);
    guest.send(9, 'release');
    assert.deepEqual(guest.collect(4).sort(), [0, 2, 4, 9]);
    assert.deepEqual(guest.collect(2, 1).sort(), [1, 3]);
    assert.ok(inOrder(guest, 0, 2, 4, 8, 9), 'those that waited came first, in their order');
    for (const { queue } of guest.queues) assert.equal(queue.inFlight, 0);
    for (let turn = 0; turn < 200; turn++) guest.ask(turn % guest.slots, 'answer', 0, turn & 1);
  });

  test(`a front end that goes and comes back finds its requests, three times (${kind})`, () => {
    using guest = new DeskGuest(options);
    guest.connect(here.path);
    for (let turn = 0; turn < 3; turn++) {
      for (let slot = 0; slot < 3; slot++) guest.send(slot, 'hold');
      guest.ask(5, 'answer');
      guest.frontEnd.reconnect(connectUnix(here.path));
      guest.ask(5, 'answer');
      guest.send(6, 'release');
      assert.deepEqual(guest.collect(4).sort(), [0, 1, 2, 6]);
      assert.ok(inOrder(guest, 0, 1, 2, 5, 6));
      assert.equal(guest.frontEnd.memorySlots, 509);
    }
    assert.equal(guest.queues[0]!.queue.inFlight, 0);
  });

  test(`a process that is killed leaves its requests to the next one (${kind})`, async () => {
    using folder = testFolder();
    using guest = new DeskGuest({ queues: 2, inflight: true, ...options });
    {
      await using first = await desk(folder.path, { queues: 2, inflight: true });
      guest.connect(first.path);
      assert.ok(guest.inflight !== undefined);
      for (let slot = 0; slot < 6; slot++) guest.send(slot, 'hold', 0, slot & 1);
      for (let turn = 0; turn < 150; turn++) guest.ask(8, 'answer', 0, turn & 1);
      process.kill(first.process.pid, 'SIGKILL');
      await first.ended();
    }
    await using second = await desk(folder.path, { queues: 2, inflight: true });
    for (let slot = 9; slot < 12; slot++) guest.submit(slot, 'hold');
    guest.frontEnd.reconnect(connectUnix(second.path));
    for (const queue of [0, 1]) guest.ask(12, 'answer', 0, queue);
    guest.send(13, 'release');
    assert.deepEqual(
      guest.collect(7).sort((a, b) => a - b),
      [0, 2, 4, 9, 10, 11, 13],
    );
    assert.deepEqual(guest.collect(3, 1).sort(), [1, 3, 5]);
    assert.ok(inOrder(guest, 0, 2, 4, 9, 10, 11, 12, 13), 'unfinished ones first, in their order');
    for (const { queue } of guest.queues) assert.equal(queue.inFlight, 0);
    await second.said(/Queue 0 goes on with 3 unfinished requests/);
  });

  test(`a ring that leaves its requests in the region goes on with them (${kind})`, async () => {
    using folder = testFolder();
    await using source = await desk(folder.path, { inflight: true, settle: 20_000 }, 'source');
    await using destination = await desk(folder.path, { inflight: true, settle: 20_000 }, 'destination');
    using guest = new DeskGuest({ inflight: true, ...options });
    guest.connect(source.path);
    for (const next of [source, destination, source]) {
      for (let slot = 0; slot < 3; slot++) guest.send(slot, 'hold');
      guest.ask(5, 'answer');
      const start = performance.now();
      guest.stop();
      assert.ok(performance.now() - start < 5_000, 'nothing is waited for');
      if (next === source) guest.start();
      else {
        guest.adopt(guest.prepareBackEnd(next.path));
        guest.start();
      }
      guest.send(6, 'release');
      assert.deepEqual(guest.collect(4).sort(), [0, 1, 2, 6]);
      assert.ok(inOrder(guest, 0, 1, 2, 6));
      assert.equal(guest.queues[0]!.queue.inFlight, 0);
      if (next === destination) {
        guest.stop();
        guest.adopt(guest.prepareBackEnd(source.path));
        guest.start();
      }
    }
  });

  for (const [way, without] of [
    ['slot by slot', 0n],
    ['as a table', ProtocolFeature.CONFIGURE_MEM_SLOTS],
    ['as a table, by guest addresses', ProtocolFeature.CONFIGURE_MEM_SLOTS],
  ] as const)
    test(`memory comes and goes under requests, ${way} (${kind})`, () => {
      using guest = new DeskGuest(options);
      const gpa = way.endsWith('addresses') ? 0n : ProtocolFeature.GPA_ADDRESSES;
      const protocolFeatures = FRONT_END_PROTOCOL_FEATURES & ~without & ~gpa;
      guest.adopt(guest.prepareBackEnd(here.path, { protocolFeatures }));
      guest.start();
      guest.send(0, 'pair');
      let waiting = 0;
      for (let turn = 1; turn <= 60; turn++) {
        using further = new GuestRam(65536, 0x1_0000_0000 + (turn % 4) * 65536);
        guest.frontEnd.shareMemory(further);
        // These are under way while the memory changes again
        for (let slot = 4; slot < 10; slot++) guest.send(slot, 'pair', 0, 0, further);
        guest.send(2 + (turn % 2), 'pair');
        using another = new GuestRam(4096, 0x2_0000_0000);
        guest.frontEnd.shareMemory(another);
        guest.frontEnd.removeMemory(another);
        assert.deepEqual(guest.collect(7), [waiting, 4, 5, 6, 7, 8, 9]);
        for (let slot = 4; slot < 10; slot++) assert.ok(guest.answer(slot, 0, further) !== undefined);
        waiting = 2 + (turn % 2);
        guest.frontEnd.removeMemory(further);
      }
      guest.send(1, 'release');
      assert.deepEqual(guest.collect(2), [waiting, 1]);
      assert.equal(guest.queues[0]!.queue.inFlight, 0);
    });

  test(`requests in memory that is taken away are given back, and nothing is written there (${kind})`, () => {
    using guest = new DeskGuest(options);
    guest.connect(here.path);
    for (let turn = 0; turn < 20; turn++) {
      using further = new GuestRam(65536, 0x1_0000_0000);
      guest.frontEnd.shareMemory(further);
      guest.send(0, 'hold');
      for (let slot = 4; slot < 8; slot++) guest.send(slot, 'hold', 0, 0, further);
      guest.ask(1, 'answer');
      guest.frontEnd.removeMemory(further);
      assert.deepEqual(guest.collect(4), [4, 5, 6, 7]);
      assert.equal(guest.queues[0]!.queue.usedLength, 0);
      guest.send(1, 'release');
      assert.deepEqual(guest.collect(2), [0, 1]);
      for (let slot = 4; slot < 8; slot++) assert.equal(guest.answer(slot, 0, further), undefined);
    }
    assert.equal(guest.queues[0]!.queue.inFlight, 0);
  });
}

test('a packed ring starts where a front end gives one side of its base, as DPDK does', () => {
  using guest = new DeskGuest({ packed: true });
  const frontEnd = guest.prepareBackEnd(here.path);
  frontEnd.addRing(guest.queues[0]!.queue, 0x8000);
  frontEnd.start();
  guest.submit(0, 'answer');
  guest.queues[0]!.queue.publish();
  frontEnd.kick(0);
  assert.ok(frontEnd.waitForCall(0, 5_000));
  assert.equal(guest.queues[0]!.queue.collect(), 0);
  frontEnd.stop();
  assert.equal(frontEnd.base(0), 0x8001_8001);
  frontEnd[Symbol.dispose]();
});

test('work under way elsewhere keeps memory where it is until it has ended', async () => {
  using folder = testFolder();
  await using served = await desk(folder.path, { settle: 50 });
  using guest = new DeskGuest();
  guest.connect(served.path);
  using further = new GuestRam(65536, 0x1_0000_0000);
  guest.frontEnd.shareMemory(further);
  guest.send(0, 'hold');
  guest.ask(1, 'answer');
  assert.throws(() => guest.frontEnd.removeMemory(further), { code: 'ERR_REFUSED' });
  guest.send(1, 'release');
  assert.deepEqual(guest.collect(2), [0, 1]);
  guest.frontEnd.removeMemory(further);
  await served.said(/REM_MEM_REG refused: 1 requests use the memory that is to go/);
});

test('a configuration is read and written in any piece, and what changes is told once a ring runs', async () => {
  using folder = testFolder();
  using doorbell = createEventfd('doorbell');
  await using served = await desk(folder.path, { doorbell: true }, 'desk', [doorbell.number]);
  using guest = new DeskGuest();
  guest.adopt(guest.prepareBackEnd(served.path));
  const { frontEnd } = guest;
  const told = () => {
    // The announcement came before the answer to this
    guest.ask(0, 'answer');
    frontEnd.serveRequests();
    return frontEnd.configChanges;
  };
  const words = () => [...new Uint32Array(frontEnd.readConfig(0, 8).slice().buffer)];
  assert.deepEqual(words(), [0, 0]);
  frontEnd.writeConfig(1, Uint8Array.of(2, 3));
  frontEnd.writeConfig(0, Uint8Array.of(1));
  assert.deepEqual(words(), [0x0003_0201, 2]);
  assert.deepEqual([...frontEnd.readConfig(1, 2)], [2, 3]);
  for (const [offset, length] of [
    [8, 1],
    [4, 5],
    [0, 256],
    [0xffff_ffff, 4],
  ] as const)
    assert.throws(() => frontEnd.readConfig(offset, length), { code: /^ERR_/ });
  frontEnd.serveRequests();
  assert.equal(frontEnd.configChanges, 0, 'nothing is told while no ring runs');
  guest.start();
  assert.equal(told(), 1, 'two changes, one announcement');
  guest.ask(1, 'config', 77);
  assert.equal(told(), 2);
  assert.deepEqual(words(), [77, 3]);
  guest.stop();
  signalEventfd(doorbell.number);
  await served.said(/the word is 78/);
  assert.equal(frontEnd.configChanges, 2);
  guest.start();
  assert.equal(told(), 3);

  frontEnd[Symbol.dispose]();
  signalEventfd(doorbell.number);
  await served.said(/the word is 79/);
  using later = new DeskGuest();
  later.connect(served.path);
  later.ask(0, 'answer');
  later.frontEnd.serveRequests();
  assert.equal(later.frontEnd.configChanges, 1, 'what happened while nobody was there');
});

test('a front end without a channel for requests is told nothing, and one that does not read it holds nothing up', () => {
  {
    using deaf = new DeskGuest();
    const protocolFeatures = FRONT_END_PROTOCOL_FEATURES & ~ProtocolFeature.BACKEND_REQ;
    deaf.adopt(deaf.prepareBackEnd(here.path, { protocolFeatures }));
    deaf.start();
    for (let turn = 0; turn < 5; turn++) deaf.ask(0, 'config', turn);
    deaf.stop();
  }
  using guest = new DeskGuest({ waiting: 'spinning' });
  guest.connect(here.path);
  for (let turn = 0; turn < 5_000; turn++) guest.ask(0, 'config', turn);
  guest.frontEnd.serveRequests();
  assert.ok(guest.frontEnd.configChanges > 0);
  const heard = guest.frontEnd.configChanges;
  guest.ask(0, 'config', 1);
  guest.ask(0, 'answer');
  guest.frontEnd.serveRequests();
  assert.ok(guest.frontEnd.configChanges > heard, 'and hears of later changes again');
});

test('a device that was never started is saved, without features or memory, and its state starts elsewhere', async () => {
  using folder = testFolder();
  await using fresh = await desk(folder.path, { queues: 2 });
  using unused = FrontEnd.connect(fresh.path);
  unused.writeConfig(0, Uint8Array.of(42));
  const state = saveState(unused);
  assert.deepEqual(saveState(unused), state, 'as often as one likes');
  using guest = new DeskGuest();
  guest.adopt(guest.prepareBackEnd(there.path));
  guest.frontEnd.loadState([state]);
  guest.start();
  guest.ask(0, 'answer');
  assert.equal(guest.frontEnd.readConfig(0, 1)[0], 42);
});

for (const first of ['features', 'state'] as const)
  test(`a state is loaded, and requests with it, where ${first} come first`, () => {
    using guest = new DeskGuest();
    guest.connect(here.path);
    guest.send(0, 'hold');
    guest.ask(1, 'config', 7);
    guest.stop();
    const state = saveState(guest.frontEnd);
    guest.adopt(guest.prepareBackEnd(there.path));
    const { frontEnd } = guest;
    const features = frontEnd.features & ~VirtioFeature.LOG_ALL;
    if (first === 'features') frontEnd.step.setFeatures(features);
    frontEnd.loadState([state]);
    guest.start();
    guest.send(2, 'release');
    assert.deepEqual(guest.collect(2), [0, 2]);
    assert.equal(frontEnd.readConfig(0, 1)[0], 7);
  });
