import assert from 'node:assert/strict';
import { openSync } from 'node:fs';
import { afterEach, beforeEach, test } from 'node:test';
import {
  createMemfd,
  createPipe,
  createSocketPair,
  Fd,
  liveResources,
  readInto,
  writeFrom,
} from '../../src/sys/index.ts';
import { FEATURES, ints, RigRam, SessionRig, u64 } from '../support/vhost-user-rig.ts';

let held: string[];
beforeEach(() => {
  held = liveResources();
});
afterEach(() => {
  assert.deepEqual(liveResources(), held);
});

const SAVE = ints(0, 0);
const LOAD = ints(1, 0);

function negotiated(): SessionRig {
  const rig = new SessionRig();
  rig.negotiate();
  return rig;
}

test('the front end’s channel is taken over, and the answer says so', () => {
  for (const [payload, direction] of [
    [SAVE, 'save'],
    [LOAD, 'load'],
  ] as const) {
    using rig = negotiated();
    const pipe = createPipe('state');
    using read = pipe.read;
    using write = pipe.write;
    const ours = direction === 'save' ? write : read;
    assert.equal(rig.ask(42, payload, { fds: [ours.number] }), 0x100n);
    assert.equal(rig.backEnd.calls.at(-1), `beginTransfer ${direction}`);
    using channel = rig.backEnd.channel!;
    if (direction === 'save') {
      writeFrom(channel, Uint8Array.of(1));
      assert.equal(readInto(read, new Uint8Array(4)), 1);
    } else {
      writeFrom(write, Uint8Array.of(1));
      assert.equal(readInto(channel, new Uint8Array(4)), 1);
    }
    assert.equal(rig.tell(43), 0n, 'one reply, NEED_REPLY or not');
    assert.equal(rig.receive(), undefined);
  }
});

test('a socket is a channel as well', () => {
  using rig = negotiated();
  const [ours, theirs] = createSocketPair('state');
  using _ours = ours;
  using _theirs = theirs;
  for (const payload of [SAVE, LOAD]) {
    assert.equal(rig.ask(42, payload, { fds: [theirs.number] }), 0x100n);
    rig.backEnd.channel?.[Symbol.dispose]();
  }
});

test('a channel of the back end’s own takes the place of the front end’s, which is closed', () => {
  using rig = negotiated();
  const theirs = createPipe('front end’s');
  const own = createPipe('back end’s');
  using write = own.write;
  rig.backEnd.own = own.read;
  rig.send(42, SAVE, { fds: [theirs.write.number] });
  theirs.write[Symbol.dispose]();
  using theirRead = theirs.read;
  const reply = rig.receive();
  assert.deepEqual(reply?.payload, u64(0));
  assert.equal(reply?.fds.length, 1);
  using received = reply.fds[0]!;
  assert.equal(own.read.closed, true);
  writeFrom(write, Uint8Array.of(7));
  assert.equal(readInto(received, new Uint8Array(4)), 1);
  assert.equal(
    readInto(theirRead, new Uint8Array(4)),
    0,
    'nobody holds the other end of the front end’s pipe',
  );
});

for (const [what, payload, fds, code] of [
  ['direction 2', ints(2, 0), 1, 'ERR_DIRECTION'],
  ['direction 2^32-1', ints(0xffffffff, 0), 1, 'ERR_DIRECTION'],
  ['phase 1', ints(0, 1), 1, 'ERR_PHASE'],
  ['no descriptor', SAVE, 0, 'ERR_FD_COUNT'],
  ['two descriptors', SAVE, 2, 'ERR_FD_COUNT'],
  ['nine descriptors', SAVE, 9, 'ERR_FD_COUNT'],
] as const)
  test(`${what}: refused with 0x101`, () => {
    using rig = negotiated();
    const pipe = createPipe('state');
    using _read = pipe.read;
    using write = pipe.write;
    assert.equal(rig.ask(42, payload, { fds: Array(fds).fill(write.number) }), 0x101n);
    assert.deepEqual(rig.refusals, [`SET_DEVICE_STATE_FD ${code}`]);
    assert.ok(!rig.backEnd.calls.some((call) => call.startsWith('beginTransfer')));
    assert.ok(rig.alive());
  });

test('a channel that cannot go the way the state goes is refused', () => {
  using rig = negotiated();
  const pipe = createPipe('state');
  using read = pipe.read;
  using write = pipe.write;
  assert.equal(rig.ask(42, SAVE, { fds: [read.number] }), 0x101n);
  assert.equal(rig.ask(42, LOAD, { fds: [write.number] }), 0x101n);
  using full = new Fd(openSync('/dev/full', 'w'), '/dev/full');
  assert.equal(rig.ask(42, LOAD, { fds: [full.number] }), 0x101n);
  assert.equal(rig.ask(42, SAVE, { fds: [full.number] }), 0x100n);
  assert.ok(rig.alive());
});

test('state moves only while every ring is stopped', () => {
  using rig = negotiated();
  using ram = new RigRam();
  ram.give(rig);
  ram.start(rig, 0);
  ram.start(rig, 2);
  using file = createMemfd('state', 0);
  for (const payload of [SAVE, LOAD]) assert.equal(rig.ask(42, payload, { fds: [file.number] }), 0x101n);
  rig.ask(11, ints(0, 0));
  assert.equal(rig.ask(42, SAVE, { fds: [file.number] }), 0x101n);
  rig.ask(11, ints(2, 0));
  assert.equal(rig.ask(42, SAVE, { fds: [file.number] }), 0x100n);
});

test('a state may come before any feature, memory or ring, and SET_FEATURES may follow', () => {
  using rig = new SessionRig();
  rig.send(16, u64(1n << 19n));
  using file = createMemfd('state', 0);
  assert.equal(rig.ask(42, LOAD, { fds: [file.number] }), 0x100n);
  assert.equal(rig.ask(43), 0n);
  rig.send(2, u64(FEATURES));
  assert.deepEqual(rig.backEnd.calls, [
    'claim',
    'beginTransfer load',
    'checkTransfer',
    'claim',
    `setFeatures 0x${FEATURES.toString(16)}`,
  ]);
});

test('what the back end refuses is answered as a failure, and the channel is closed', () => {
  using rig = negotiated();
  rig.backEnd.refuse.add('beginTransfer').add('checkTransfer');
  for (let turn = 0; turn < 100; turn++) {
    const pipe = createPipe('state');
    using read = pipe.read;
    assert.equal(rig.ask(42, SAVE, { fds: [pipe.write.number] }), 0x101n);
    pipe.write[Symbol.dispose]();
    assert.equal(readInto(read, new Uint8Array(4)), 0, 'the session kept no copy');
    assert.equal(rig.ask(43), 1n);
  }
  assert.ok(rig.alive());
});

test('a session that ends takes the transfer with it', () => {
  const rig = negotiated();
  using file = createMemfd('state', 0);
  rig.ask(42, SAVE, { fds: [file.number] });
  rig[Symbol.dispose]();
  assert.equal(rig.backEnd.channel?.closed, true);
});
