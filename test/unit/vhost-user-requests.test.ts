import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { createSocketPair, liveResources, receiveMessage, WOULD_BLOCK } from '../../src/sys/index.ts';
import { ints, SessionRig, startedRig, u64 } from '../support/vhost-user-rig.ts';

let held: string[];
beforeEach(() => {
  held = liveResources();
});
afterEach(() => {
  assert.deepEqual(liveResources(), held);
});

describe('requests of the back end', () => {
  test('a change of the configuration is announced while a ring runs, and waits for one otherwise', () => {
    using f = startedRig();
    const [ours, theirs] = createSocketPair('requests');
    using _ours = ours;
    const into = new Uint8Array(64);
    f.rig.session.announceConfigChange();
    assert.equal(f.rig.tell(21, undefined, [theirs.number]), 0n);
    theirs[Symbol.dispose]();
    f.rig.session.announceConfigChange();
    assert.equal(
      receiveMessage(ours, into, [], { dontWait: true }),
      WOULD_BLOCK,
      'suspended devices are silent',
    );
    f.ram.start(f.rig, 0);
    assert.equal(receiveMessage(ours, into, [], { dontWait: true }), 12);
    assert.deepEqual(into.subarray(0, 12), ints(2, 1, 0));
    assert.equal(receiveMessage(ours, into, [], { dontWait: true }), WOULD_BLOCK, 'once');
    f.rig.session.announceConfigChange();
    assert.equal(receiveMessage(ours, into, [], { dontWait: true }), 12);
  });

  test('a front end that hung up on that channel, or passed something else, harms nothing', () => {
    using f = startedRig(0);
    const [ours, theirs] = createSocketPair('requests');
    f.rig.tell(21, undefined, [theirs.number]);
    theirs[Symbol.dispose]();
    ours[Symbol.dispose]();
    f.rig.session.announceConfigChange();
    assert.equal(f.rig.tell(21, undefined, [f.ram.call.number]), 0n);
    f.rig.session.announceConfigChange();
    assert.ok(f.rig.alive());
  });
});

describe('configuration', () => {
  test('any range within it is read, and written', () => {
    using rig = new SessionRig();
    rig.negotiate();
    for (const [offset, size] of [
      [0, 57],
      [0, 60],
      [20, 4],
      [59, 1],
    ] as const) {
      rig.send(24, new Uint8Array(Buffer.concat([ints(offset, size, 0), new Uint8Array(size)])));
      const reply = rig.receive();
      assert.deepEqual(reply?.payload.subarray(0, 12), ints(offset, size, 0));
      assert.deepEqual(reply?.payload.subarray(12), rig.backEnd.config.subarray(offset, offset + size));
    }
    assert.equal(rig.tell(25, new Uint8Array(Buffer.concat([ints(8, 2, 1), Uint8Array.of(5, 6)]))), 0n);
    assert.deepEqual(rig.backEnd.calls.slice(-2), ['claim', 'writeConfig 8 5,6']);
  });

  for (const [what, payload] of [
    ['beyond the end', Buffer.concat([ints(50, 20, 0), new Uint8Array(20)])],
    ['far beyond the end', Buffer.concat([ints(4000, 8, 0), new Uint8Array(8)])],
    ['of 300 bytes', Buffer.concat([ints(0, 300, 0), new Uint8Array(300)])],
    ['of no bytes', ints(0, 0, 0)],
    ['of other size than announced', Buffer.concat([ints(0, 8, 0), new Uint8Array(4)])],
    ['with an offset that wraps', Buffer.concat([ints(0xffffffff, 8, 0), new Uint8Array(8)])],
    ['with unknown flags', Buffer.concat([ints(0, 8, 2), new Uint8Array(8)])],
  ] as const)
    test(`a range ${what} is answered with nothing`, () => {
      using rig = new SessionRig();
      rig.negotiate();
      rig.send(24, new Uint8Array(payload));
      assert.deepEqual(rig.receive()?.payload, new Uint8Array(0));
      assert.ok(rig.alive());
    });
});

describe('owning', () => {
  const claiming: [number, Uint8Array, 'none' | 'call'][] = [
    [3, new Uint8Array(0), 'none'],
    [2, u64(0), 'none'],
    [12, u64(0), 'call'],
    [25, new Uint8Array(Buffer.concat([ints(0, 1, 0), new Uint8Array(1)])), 'none'],
    [42, ints(0, 0), 'call'],
  ];
  for (const [id, payload, fds] of claiming)
    test(`request ${id} asks for the instance first, and is refused without it`, () => {
      using f = startedRig();
      f.rig.backEnd.calls.length = 0;
      f.rig.backEnd.refuse.add('claim');
      const answer = f.rig.tell(id, payload, fds === 'call' ? [f.ram.call.number] : []);
      assert.equal(answer, id === 42 ? 0x101n : 1n);
      assert.deepEqual(f.rig.backEnd.calls, ['claim']);
      assert.ok(f.rig.alive());
    });
});
