/** Front ends that take a state badly: nothing hangs, nothing is lost, and what was said to have failed has failed. */
import assert from 'node:assert/strict';
import { openSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { ControlClient } from '../../src/control/index.ts';
import { createEventfd, createSocketPair, Fd, readInto, WOULD_BLOCK } from '../../src/sys/index.ts';
import { FrontEndRequest } from '../../src/vhost-user/index.ts';
import { SmallGuest, saveState } from '../support/device/guest.ts';
import { ints, RawFrontEnd, waitClosed, waitReadable } from '../support/device/raw-front-end.ts';
import { Served, testFolder } from '../support/device/served.ts';

const MIB = 1024 * 1024;
const SIZE = 16 * MIB;

const folder = testFolder();
let served: Served;

before(async () => {
  served = await Served.start(folder.path, {
    device: 'ballast',
    options: SIZE,
    settings: { stall: 500, transfer: 5_000 },
  });
});

after(async () => {
  await served[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

/** Read `channel` to its end; returns how many bytes there were. */
function drain(channel: Fd): number {
  const buffer = new Uint8Array(MIB);
  let total = 0;
  channel.setNonBlocking(true);
  for (;;) {
    const count = readInto(channel, buffer);
    if (count === 0) return total;
    if (count === WOULD_BLOCK) waitReadable(channel);
    else total += count;
  }
}

/** A whole save by a new front end succeeds. */
function assertServes(): void {
  using raw = new RawFrontEnd(served.path);
  using channel = raw.beginPipe('save');
  assert.ok(drain(channel) > SIZE);
  assert.equal(raw.check(), 0n);
}

function fails(name: string, act: (raw: RawFrontEnd) => void): void {
  test(name, () => {
    using raw = new RawFrontEnd(served.path);
    act(raw);
    raw[Symbol.dispose]();
    assertServes();
  });
}

fails('nobody reads: the channel is closed, the check says no, questions are answered meanwhile', (raw) => {
  using channel = raw.beginPipe('save');
  const start = performance.now();
  assert.ok(raw.ping());
  assert.ok(performance.now() - start < 400, 'the question waited for the state');
  assert.equal(raw.check(), 1n);
  assert.ok(drain(channel) < SIZE);
});

fails('a reader that stalls for longer than it may', (raw) => {
  using channel = raw.beginPipe('save');
  const start = performance.now();
  while (performance.now() - start < 1_500) assert.ok(raw.ping());
  assert.ok(drain(channel) < SIZE);
  assert.equal(raw.check(), 1n);
});

fails('a reader that goes away', (raw) => {
  using channel = raw.beginPipe('save');
  channel[Symbol.dispose]();
  assert.equal(raw.check(), 1n);
});

fails('the front end goes away right after it asked', (raw) => {
  using _channel = raw.beginPipe('save');
  raw[Symbol.dispose]();
});

fails('the front end goes away in the middle', (raw) => {
  using channel = raw.beginPipe('save');
  readInto(channel, new Uint8Array(MIB));
  raw[Symbol.dispose]();
  // Whoever reads on at once may have all of it before anybody sees that the front end has gone
  waitClosed(channel);
  assert.ok(drain(channel) < SIZE);
});

fails('RESET_DEVICE in the middle', (raw) => {
  using channel = raw.beginPipe('save');
  raw.send(FrontEndRequest.RESET_DEVICE);
  assert.ok(raw.ping());
  assert.ok(drain(channel) < SIZE);
  assert.equal(raw.check(), 1n);
});

fails('another transfer in its place', (raw) => {
  using first = raw.beginPipe('save');
  using second = raw.beginPipe('save');
  assert.ok(drain(first) < SIZE);
  assert.ok(drain(second) > SIZE);
  assert.equal(raw.check(), 0n);
  assert.equal(raw.check(), 1n);
});

fails('what would change the device has to wait', (raw) => {
  using channel = raw.beginPipe('save');
  const eventfd = createEventfd('kick');
  using _eventfd = eventfd;
  raw.send(FrontEndRequest.SET_FEATURES, new Uint8Array(new BigUint64Array([0x1_0000_0000n]).buffer));
  raw.send(FrontEndRequest.SET_VRING_KICK, new Uint8Array(8), [eventfd]);
  assert.ok(raw.ping());
  assert.ok(drain(channel) > SIZE);
  assert.equal(raw.check(), 0n);
});

fails('channels that take nothing', (raw) => {
  using full = new Fd(openSync('/dev/full', 'w'), '/dev/full');
  using event = createEventfd('eventfd');
  using directory = new Fd(openSync('/', 'r'), '/');
  for (const channel of [full, event]) {
    assert.equal(raw.begin('save', channel), 0x100n);
    assert.equal(raw.check(), 1n, channel.name);
  }
  assert.equal(raw.begin('save', directory), 0x101n);
  assert.equal(raw.check(), 1n);
});

fails('CHECK twice', (raw) => {
  using channel = raw.beginPipe('save');
  drain(channel);
  assert.equal(raw.check(), 0n);
  assert.equal(raw.check(), 1n);
});

test('a socket pair carries a state as a pipe does', () => {
  using raw = new RawFrontEnd(served.path);
  const [ours, theirs] = createSocketPair('state');
  using _ours = ours;
  assert.equal(raw.begin('save', theirs), 0x100n);
  theirs[Symbol.dispose]();
  assert.ok(drain(ours) > SIZE);
  assert.equal(raw.check(), 0n);
});

test('a state is neither saved nor loaded while a ring runs', () => {
  using guest = new SmallGuest();
  guest.attach(served.path).start();
  for (const direction of ['saved', 'loaded'])
    assert.throws(() => (direction === 'saved' ? saveState(guest.frontEnd) : guest.frontEnd.loadState([])), {
      code: 'ERR_REFUSED',
    });
  guest.stop();
  assert.ok(saveState(guest.frontEnd).length > SIZE);
});

test('a second front end is turned away and disturbs nothing', () => {
  using guest = new SmallGuest();
  guest.attach(served.path).start();
  using other = new RawFrontEnd(served.path);
  assert.ok(other.ping());
  other.send(FrontEndRequest.RESET_DEVICE);
  using channel = new Fd(openSync('/dev/null', 'w'), '/dev/null');
  assert.equal(other.begin('save', channel), 0x101n);
  assert.equal(other.ask(FrontEndRequest.GET_VRING_BASE, ints(0, 0)) >= 0n, true);
  other[Symbol.dispose]();
  const word = Number(guest.ask(4096) & 0xffff_ffffn);
  assert.equal(word, Math.imul(1024, 2_654_435_761) >>> 0);
});

test('the operator aborts a transfer that hangs, and one that was not checked', async () => {
  await using control = await ControlClient.connect(served.controlPath);
  using raw = new RawFrontEnd(served.path);
  assert.equal(await control.abortTransfer('nothing there'), false);
  using hanging = raw.beginPipe('save');
  assert.equal((await control.status()).lastTransfer?.outcome, 'running');
  assert.equal((await control.status()).lifecycle, 'stop-copy');
  assert.equal(await control.abortTransfer('the watchdog barked'), true);
  assert.ok(drain(hanging) < SIZE);
  assert.equal(raw.check(), 1n);
  const report = (await control.status()).lastTransfer;
  assert.equal(report?.outcome, 'failed');
  assert.match(report?.reason ?? '', /the watchdog barked/);
  using whole = raw.beginPipe('save');
  assert.ok(drain(whole) > SIZE);
  assert.equal((await control.status()).lastTransfer?.outcome, 'unchecked');
  assert.equal(await control.abortTransfer('too late'), true);
  assert.equal(raw.check(), 1n);
  assert.equal((await control.status()).lifecycle, 'stop');
});

test('a channel of the device’s own carries a state as well', async () => {
  await using own = await Served.start(
    folder.path,
    { device: 'ballast', options: SIZE, settings: { stateChannel: 'own' } },
    'own',
  );
  using guest = new SmallGuest();
  guest.attach(own.path).start();
  guest.stop();
  const state = saveState(guest.frontEnd);
  assert.ok(state.length > SIZE);
  assert.equal(guest.frontEnd.loadState([state]), state.length);
  guest.frontEnd.start();
  assert.equal(Number(guest.ask(8) & 0xffff_ffffn), Math.imul(2, 2_654_435_761) >>> 0);
});
