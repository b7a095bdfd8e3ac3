/** The instance behind a session, message by message, without a socket. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Instance } from '../../../src/device/instance.ts';
import { Poller } from '../../../src/device/poller.ts';
import { DEFAULT_SETTINGS } from '../../../src/device/settings.ts';
import { createPipe, type Fd } from '../../../src/sys/index.ts';
import { WRITE } from '../../support/raw-ring.ts';
import { Diary, FakeSession, fixture, NOTE } from './diary.ts';

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
