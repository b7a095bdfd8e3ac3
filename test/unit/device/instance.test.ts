/** The instance behind a session, message by message, without a socket. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DeferredRequest, type Device, DONE, LATER, type Request } from '../../../src/device/device.ts';
import { Instance } from '../../../src/device/instance.ts';
import { Poller } from '../../../src/device/poller.ts';
import { DEFAULT_SETTINGS, type DeviceSettings } from '../../../src/device/settings.ts';
import type { Section } from '../../../src/state/index.ts';
import { createPipe, type Fd } from '../../../src/sys/index.ts';
import type { Ring, Session } from '../../../src/vhost-user/index.ts';
import { SplitQueue } from '../../../src/virtio/index.ts';
import { DATA, NEXT, OPTIONS, queueFixture, WRITE } from '../../support/raw-ring.ts';

/** In the second region of the fixture's memory. */
const LOST = 0x18000;

const NOTE: Section = { name: 'note', version: 1, required: true };

/** Writes down what happens to it. Requests are answered with one byte, or deferred while `patient`. */
class Diary implements Device {
  readonly identity = { name: 'diary', virtioId: 59, stateVersion: 1 };
  readonly features = 3n;
  readonly queues = { count: 2, maxSize: 8 };
  readonly sections = [NOTE];
  readonly lines: string[] = [];
  readonly waiting: DeferredRequest[] = [];
  patient = false;
  settleMilliseconds = 0;
  onHalt: (() => void) | undefined;

  negotiated(features: bigint): void {
    this.lines.push(`negotiated ${features}`);
  }

  handle(request: Request): typeof DONE | typeof LATER {
    this.lines.push(`handle ${request.queue}`);
    if (this.patient) {
      this.waiting.push(request.defer());
      return LATER;
    }
    request.writable.fill(7, 1);
    return DONE;
  }

  halt(queue: number): void {
    this.lines.push(`halt ${queue}`);
    this.onHalt?.();
  }

  suspend(): void {
    this.lines.push('suspend');
  }

  resume(): void {
    this.lines.push('resume');
  }

  reset(): void {
    this.lines.push('reset');
  }

  save(): void {
    this.lines.push('save');
  }

  load() {
    this.lines.push('load');
    return {
      commit: () => void this.lines.push('commit'),
      [Symbol.dispose]: () => void this.lines.push('given up'),
    };
  }
}

class FakeSession implements Session {
  rings: readonly Ring[] = [];
  features = 0n;
  protocolFeatures = 0n;
  owesConfigChange = false;
  readonly told: string[] = [];

  notify(ring: Ring): void {
    this.told.push(`notify ${ring.index}`);
  }

  reportBroken(ring: Ring): void {
    this.told.push(`broken ${ring.index}`);
  }

  announceConfigChange(): void {
    this.told.push('config changed');
  }
}

function fixture(settings: Partial<DeviceSettings> = {}) {
  const stack = new DisposableStack();
  const device = new Diary();
  const log: string[] = [];
  const poller = stack.use(new Poller());
  const instance = new Instance(device, poller, { ...DEFAULT_SETTINGS, ...settings }, (line) =>
    log.push(line),
  );
  const session = new FakeSession();
  const { ring, guest } = stack.use(queueFixture(8));
  for (let head = 0; head < 8; head++) ring.describe(head, DATA + head * 64, 16, WRITE);
  const ringOf = (index: number, queue: SplitQueue, enabled = true): Ring => {
    return { index, kick: undefined, polled: true, started: true, enabled, queue, mayLeaveInflight: false };
  };
  return {
    device,
    instance,
    session,
    log,
    ring,
    guest,
    /** Ring `index` over the one queue of the fixture, from where `base` says. */
    started: (index = 0, options: { enabled?: boolean; next?: number } = {}) => {
      const { next = 0, enabled } = options;
      const queue = new SplitQueue(guest.memory, ring.ring, { ...OPTIONS, size: 8, base: next });
      return ringOf(index, queue, enabled);
    },
    lines: () => device.lines.splice(0),
    [Symbol.dispose]: () => stack[Symbol.dispose](),
  };
}

/** A pipe's end for a transfer; the other one is returned, too. */
function channel(direction: 'save' | 'load'): { theirs: Fd; ours: Fd } {
  const { read, write } = createPipe('state');
  return direction === 'save' ? { theirs: write, ours: read } : { theirs: read, ours: write };
}

test('messages lead through the lifecycle', () => {
  using f = fixture();
  const states: string[] = [f.instance.status.lifecycle];
  const note = () => states.push(f.instance.status.lifecycle);
  const ring = f.started();
  f.instance.startRing(f.session, ring);
  note();
  f.instance.stopRing(f.session, ring);
  note();
  const { theirs, ours } = channel('save');
  using _ours = ours;
  f.instance.beginTransfer(f.session, 'save', theirs);
  note();
  f.instance.tick();
  f.instance.checkTransfer(f.session);
  note();
  assert.deepEqual(states, ['stop', 'running', 'stop', 'stop-copy', 'stop']);
  assert.deepEqual(f.lines(), ['resume', 'suspend', 'save']);
});

test('suspended with the last ring, not before', () => {
  using f = fixture();
  const [one, other] = [f.started(0), f.started(1)];
  f.instance.startRing(f.session, one);
  f.instance.startRing(f.session, other);
  f.instance.stopRing(f.session, one);
  assert.deepEqual(f.lines(), ['resume']);
  f.instance.stopRing(f.session, other);
  assert.deepEqual(f.lines(), ['suspend']);
});

test('a ring that is disabled is not looked at, one that is polled keeps the thread awake', () => {
  using f = fixture();
  f.ring.offer(0);
  f.instance.startRing(f.session, f.started(0, { enabled: false }));
  assert.equal(f.instance.rings.serve(), 0);
  assert.equal(f.instance.patience, 0);
  f.instance.startRing(f.session, f.started(0));
  assert.equal(f.instance.rings.serve(), 1);
  assert.deepEqual(f.ring.used(0), { id: 0, length: 1 });
  assert.deepEqual(f.session.told, ['notify 0']);
});

test('what a device answers after the rings stopped reaches neither memory nor the driver', () => {
  using f = fixture();
  f.device.patient = true;
  f.ring.offer(3);
  const ring = f.started();
  f.instance.startRing(f.session, ring);
  f.instance.rings.serve();
  const [waiting] = f.device.waiting;
  assert.equal(waiting?.abandoned, false);
  f.instance.stopRing(f.session, ring);
  assert.equal(waiting?.abandoned, true);
  waiting?.complete();
  assert.equal(f.ring.usedIndex, 0);
  assert.deepEqual(f.session.told, []);
});

test('parked requests come back in their order, before new ones, and before the device is told anything else', () => {
  using f = fixture();
  f.device.patient = true;
  f.ring.offer(5, 2);
  const ring = f.started();
  f.instance.startRing(f.session, ring);
  f.instance.rings.serve();
  f.instance.stopRing(f.session, ring);
  f.ring.offer(6);
  f.device.patient = false;
  f.lines();
  f.instance.startRing(f.session, f.started(0, { next: ring.queue!.base }));
  assert.equal(f.instance.rings.serve(), 3);
  assert.deepEqual(f.lines(), ['resume', 'handle 0', 'handle 0', 'handle 0']);
  assert.deepEqual(
    [0, 1, 2].map((index) => f.ring.used(index).id),
    [5, 2, 6],
  );
});

test('what the front end kept note of comes before all else, in place of what was parked', () => {
  using f = fixture();
  f.device.patient = true;
  f.ring.offer(5, 2);
  const ring = f.started();
  f.instance.startRing(f.session, ring);
  f.instance.rings.serve();
  f.instance.stopRing(f.session, ring);
  f.device.patient = false;
  const again = f.started(0, { next: ring.queue!.base });
  const queue = Object.assign(again.queue!, { unfinished: [{ head: 2 }, { head: 7 }] });
  f.ring.offer(6);
  f.instance.startRing(f.session, { ...again, queue });
  assert.equal(f.instance.rings.serve(), 3);
  assert.deepEqual(
    [0, 1, 2].map((index) => f.ring.used(index).id),
    [2, 7, 6],
  );
  assert.match(f.log.join(), /goes on with 2 unfinished requests/);
  f.instance.stopRing(f.session, again);
  f.instance.startRing(f.session, f.started(0, { next: again.queue!.base }));
  assert.equal(f.instance.rings.serve(), 0, 'what was parked before has been forgotten');
});

test('a front end that lost its connection goes on where its ring stood, a new driver at the beginning', () => {
  using f = fixture();
  f.device.patient = true;
  f.ring.offer(5, 2);
  const ring = f.started();
  f.instance.startRing(f.session, ring);
  f.instance.rings.serve();
  const at = (base: number, kind: 'split' | 'packed' = 'split') =>
    f.instance.goOnAt(f.session, 0, kind, base);
  assert.deepEqual([at(0), at(1)], [0, 1], 'the ring runs');
  f.instance.disconnected(f.session);
  f.instance.claim(f.session);
  assert.deepEqual([at(0), at(2)], [0, 2], 'nothing had been completed');
  f.device.patient = false;
  f.instance.startRing(f.session, f.started(0, { next: 2 }));
  f.device.waiting.length = 0;
  f.device.patient = true;
  f.ring.offer(6, 7);
  f.instance.rings.serve();
  f.device.waiting[2]?.complete();
  f.instance.disconnected(f.session);
  const other = new FakeSession();
  assert.equal(f.instance.goOnAt(other, 0, 'split', 1), 1, 'whoever is not the owner');
  f.instance.claim(f.session);
  assert.deepEqual([at(0), at(1), at(2), at(4)], [0, 4, 2, 4]);
  assert.equal(at(1, 'packed'), 1);
  assert.equal(f.instance.goOnAt(f.session, 1, 'split', 1), 1);
});

test('requests are halted before they are parked, and those answered by then are not parked', () => {
  using f = fixture();
  f.device.patient = true;
  f.ring.offer(5, 2);
  const ring = f.started();
  f.instance.startRing(f.session, ring);
  f.instance.rings.serve();
  f.device.onHalt = () => {
    const [first, second] = f.device.waiting.splice(0);
    assert.deepEqual([first?.abandoned, second?.abandoned], [false, false]);
    second?.complete();
  };
  f.lines();
  f.instance.stopRing(f.session, ring);
  assert.deepEqual(f.lines(), ['halt 0', 'suspend']);
  assert.deepEqual([f.ring.usedIndex, f.ring.used(0).id], [1, 2]);
  f.device.patient = false;
  const again = f.started(0, { next: 2 });
  f.instance.startRing(f.session, again);
  assert.equal(f.instance.rings.serve(), 1);
  assert.equal(f.ring.used(1).id, 5);
  f.lines();
  f.instance.stopRing(f.session, again);
  assert.deepEqual(f.lines(), ['suspend'], 'nothing to halt');
});

test('a front end that leaves has requests halted, too', () => {
  using f = fixture();
  f.device.patient = true;
  f.ring.offer(5);
  f.instance.startRing(f.session, f.started());
  f.instance.rings.serve();
  f.lines();
  f.instance.disconnected(f.session);
  assert.deepEqual(f.lines(), ['halt 0', 'suspend']);
});

test('stopping waits for answers under way, unless the ring may leave them to the front end', () => {
  using f = fixture();
  f.device.patient = true;
  f.device.settleMilliseconds = 60;
  f.ring.offer(5);
  const ring = f.started();
  const wait = (mayLeaveInflight: boolean) => {
    f.instance.startRing(f.session, { ...ring, mayLeaveInflight });
    f.instance.rings.serve();
    const start = performance.now();
    f.instance.stopRing(f.session, { ...ring, mayLeaveInflight });
    return performance.now() - start;
  };
  const waited = wait(false);
  assert.ok(waited >= 59, `${waited} ms`);
  const left = wait(true);
  assert.ok(left < 30, `${left} ms`);
});

test('memory goes when requests under way elsewhere have been answered, and stays while they are not', () => {
  using f = fixture();
  f.device.patient = true;
  f.ring.offer(5);
  f.instance.claim(f.session);
  f.instance.startRing(f.session, f.started());
  f.instance.rings.serve();
  f.instance.releaseMemory(f.session);
  f.device.settleMilliseconds = 20;
  f.instance.releaseMemory(new FakeSession());
  assert.throws(() => f.instance.releaseMemory(f.session), {
    code: 'ERR_REQUESTS_UNDER_WAY',
    message: /1 requests/,
  });
  f.device.waiting[0]?.complete();
  f.instance.releaseMemory(f.session);
});

test('deferred requests in memory that went are given back unanswered, the others go on', () => {
  using f = fixture();
  f.device.patient = true;
  f.ring.describe(1, LOST, 16, WRITE);
  f.ring.describe(2, LOST, 16, NEXT, 3);
  f.ring.offer(1, 2, 4);
  f.instance.startRing(f.session, f.started());
  f.instance.rings.serve();
  const [lost, read, kept] = f.device.waiting as [DeferredRequest, DeferredRequest, DeferredRequest];
  lost.writable.fill(1, 8);
  kept.writable.fill(9, 4);
  const before = f.guest.memory.exchange(f.guest.memory.regions.slice(0, 1));
  f.instance.memoryChanged(new FakeSession());
  assert.equal(f.ring.usedIndex, 0);
  f.instance.memoryChanged(f.session);
  assert.deepEqual([lost.abandoned, read.abandoned, kept.abandoned], [true, true, false]);
  for (const region of before.slice(1)) region[Symbol.dispose]();
  assert.deepEqual(
    [f.ring.used(0), f.ring.used(1)],
    [1, 2].map((id) => ({ id, length: 0 })),
  );
  lost.complete();
  assert.equal(f.ring.usedIndex, 2);
  kept.writable.fill(7, 2);
  kept.complete();
  assert.deepEqual(f.ring.used(2), { id: 4, length: 6 });
  assert.deepEqual([...f.guest.read(DATA + 4 * 64, 6)], [9, 9, 9, 9, 7, 7]);
});

test('parked requests are dropped where the ring goes on elsewhere, and at a reset', () => {
  using f = fixture();
  f.device.patient = true;
  f.ring.offer(5, 2, 1);
  const ring = f.started();
  f.instance.startRing(f.session, ring);
  f.instance.rings.serve();
  f.instance.stopRing(f.session, ring);
  const elsewhere = f.started(0, { next: 2 });
  f.device.patient = false;
  f.instance.startRing(f.session, elsewhere);
  assert.equal(f.instance.rings.serve(), 1);
  assert.match(f.log.join(), /stopped at 3 and starts at 2: 3 parked requests are dropped/);
  f.instance.stopRing(f.session, elsewhere);

  f.device.patient = true;
  f.ring.offer(7);
  const again = f.started(0, { next: 3 });
  f.instance.startRing(f.session, again);
  f.instance.rings.serve();
  f.lines();
  f.instance.reset(f.session);
  assert.deepEqual(f.lines(), ['halt 0', 'suspend', 'reset']);
  f.instance.startRing(f.session, f.started(0, { next: 4 }));
  assert.equal(f.instance.rings.serve(), 0);
});

test('a ring that starts at its beginning again has a new driver behind it, whichever ring it is', () => {
  using f = fixture();
  const [quiet, busy] = [f.started(1, { next: 8 }), f.started(0)];
  f.ring.offer(1);
  f.instance.startRing(f.session, busy);
  f.instance.startRing(f.session, quiet);
  f.instance.rings.serve();
  f.instance.stopRing(f.session, quiet);
  f.instance.stopRing(f.session, busy);
  f.lines();
  f.instance.startRing(f.session, f.started(1, { next: 8 }));
  assert.deepEqual(f.lines(), ['resume']);
  f.instance.startRing(f.session, f.started(0));
  assert.deepEqual(f.lines(), ['reset']);
});

test('another session changes nothing until the owner has gone', () => {
  using f = fixture();
  const other = new FakeSession();
  f.instance.claim(f.session);
  const ring = f.started();
  f.instance.startRing(f.session, ring);
  f.lines();
  for (const act of [
    () => f.instance.claim(other),
    () => f.instance.setFeatures(other, 0n),
    () => f.instance.startRing(other, ring),
    () => f.instance.checkTransfer(other),
  ])
    assert.throws(act, { code: 'ERR_OWNED' });
  const { theirs, ours } = channel('save');
  using _ours = ours;
  assert.throws(() => f.instance.beginTransfer(other, 'save', theirs), { code: 'ERR_OWNED' });
  assert.ok(theirs.closed);
  f.instance.reset(other);
  f.instance.disconnected(other);
  assert.deepEqual(f.lines(), []);
  assert.equal(f.instance.status.lifecycle, 'running');
  f.instance.disconnected(f.session);
  assert.deepEqual(f.lines(), ['suspend']);
  f.instance.claim(other);
  assert.ok(f.instance.status.owner);
});

test('the device hears of its own feature bits, the state of those of the driver', () => {
  using f = fixture();
  f.instance.setFeatures(f.session, f.instance.profile.features);
  assert.deepEqual(f.lines(), ['negotiated 3']);
  f.instance.setFeatures(f.session, f.instance.profile.features & ~1n);
  assert.deepEqual(f.lines(), ['negotiated 2']);
});

test('a change of the configuration space is told to the owner, or to the next one', () => {
  using f = fixture();
  f.instance.configChanged();
  f.instance.configChanged();
  f.instance.claim(f.session);
  assert.deepEqual(f.session.told.splice(0), ['config changed']);
  f.instance.configChanged();
  assert.deepEqual(f.session.told, ['config changed']);
  f.session.owesConfigChange = true;
  f.instance.disconnected(f.session);
  const other = new FakeSession();
  f.instance.claim(other);
  assert.deepEqual(other.told, ['config changed'], 'what the last one did not hear');
  f.instance.disconnected(other);
  const third = new FakeSession();
  f.instance.claim(third);
  assert.deepEqual(third.told, []);
});

test('a broken ring yields nothing more, is reported, and starts anew', () => {
  using f = fixture();
  const ring = f.started();
  f.instance.startRing(f.session, ring);
  f.ring.describe(1, 1n << 50n, 16, WRITE);
  f.ring.offer(1, 2);
  f.instance.rings.serve();
  assert.equal(f.instance.rings.serve(), 0);
  assert.deepEqual(f.session.told, ['broken 0']);
  assert.match(f.log.join(), /Queue 0 is broken: Descriptor 1/);
  f.instance.stopRing(f.session, ring);
  assert.equal(f.instance.status.lifecycle, 'stop');
});

test('rings do not start on a loaded state that nobody has checked', () => {
  using f = fixture();
  const { theirs, ours } = channel('load');
  ours[Symbol.dispose]();
  f.instance.beginTransfer(f.session, 'load', theirs);
  assert.throws(() => f.instance.startRing(f.session, f.started()), { code: 'ERR_TRANSFER_UNCHECKED' });
  f.instance.tick();
  assert.throws(() => f.instance.startRing(f.session, f.started()), { code: 'ERR_TRANSFER_UNCHECKED' });
  assert.throws(() => f.instance.checkTransfer(f.session), { code: 'ERR_STATE_TRUNCATED' });
  f.instance.startRing(f.session, f.started());
  assert.equal(f.instance.status.lifecycle, 'running');
});

test('rings start on a saved state that nobody has checked', () => {
  using f = fixture();
  const { theirs, ours } = channel('save');
  using _ours = ours;
  f.instance.beginTransfer(f.session, 'save', theirs);
  f.instance.tick();
  f.instance.startRing(f.session, f.started());
  assert.equal(f.instance.status.lifecycle, 'running');
  assert.throws(() => f.instance.checkTransfer(f.session), { code: 'ERR_NO_TRANSFER' });
});

const wrong: readonly (readonly [string, (device: Diary) => object])[] = [
  ['a name of capitals', ({ identity }) => ({ identity: { ...identity, name: 'Diary' } })],
  ['a state version of zero', ({ identity }) => ({ identity: { ...identity, stateVersion: 0 } })],
  ['a feature bit of the transport', () => ({ features: 1n << 29n })],
  ['no queue', () => ({ queues: { count: 0, maxSize: 8 } })],
  ['more queues than can be named', () => ({ queues: { count: 257, maxSize: 8 } })],
  ['queues of an odd size', () => ({ queues: { count: 1, maxSize: 12 } })],
  ['two sections of one name', () => ({ sections: [NOTE, NOTE] })],
  ['a section of the SDK', () => ({ sections: [{ ...NOTE, name: 'ferry.queue' }] })],
];

for (const [name, change] of wrong)
  test(`a device with ${name} is not served`, () => {
    using poller = new Poller();
    const device = new Diary();
    const served = Object.assign(Object.create(Object.getPrototypeOf(device)), device, change(device));
    assert.throws(() => new Instance(served, poller, DEFAULT_SETTINGS, () => undefined), {
      code: 'ERR_DEVICE',
    });
  });
