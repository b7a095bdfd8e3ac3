/** Rings of a front end: how they start, stop and come back, and what a back end requests by itself meanwhile. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import {
  createEventfd,
  createSocketPair,
  drainEventfd,
  liveResources,
  receiveMessage,
  sendMessage,
  signalEventfd,
  WOULD_BLOCK,
} from '../../src/sys/index.ts';
import { ProtocolFeature, TRANSPORT_FEATURES, VirtioFeature } from '../../src/vhost-user/index.ts';
import { names, Pair, PLAIN, sent } from '../support/front-end-pair.ts';
import { ints, joined, u64 } from '../support/vhost-user-rig.ts';

let held: string[];
beforeEach(() => {
  held = liveResources();
});
afterEach(() => {
  assert.deepEqual(liveResources(), held);
});

describe('rings', () => {
  test('are set up whole at every start, their call descriptor with them, and kicked', () => {
    using pair = new Pair();
    pair.ring(pair.share());
    for (let turn = 0; turn < 2; turn++) {
      pair.asked();
      pair.answerStart();
      pair.frontEnd.start();
      const asked = pair.asked();
      assert.deepEqual(names(asked), [
        ...['SET_FEATURES', 'SET_VRING_NUM', 'SET_VRING_BASE', 'SET_VRING_ADDR', 'SET_VRING_ERR'],
        ...['SET_VRING_CALL', 'SET_VRING_KICK', 'SET_VRING_ENABLE', 'GET_FEATURES'],
      ]);
      const kick = asked.find(({ name }) => name === 'SET_VRING_KICK')!.fds[0]!;
      assert.ok(drainEventfd(kick.number), 'a kick lies in the descriptor');
      pair.ack(18);
      pair.answer(11, ints(0, 0));
      pair.frontEnd.stop();
    }
  });

  for (const [what, kind, answer, base] of [
    ['a split ring that is ahead of its driver', 'split', 1, undefined],
    ['a split ring with a number of 32 bits', 'split', 0x1_0000, undefined],
    ['a packed ring beyond its size', 'packed', 0x8008_8008, undefined],
    ['a packed ring', 'packed', 0x8000_8000, 0x8000_8000],
    ['a packed ring of DPDK’s, without its used half', 'packed', 0x8000, 0x8000_8000],
  ] as const)
    test(`stop where they can have stopped: ${what}`, () => {
      const features = TRANSPORT_FEATURES | (kind === 'packed' ? VirtioFeature.RING_PACKED : 0n);
      using pair = new Pair(PLAIN, { features }, features);
      pair.ring(pair.share(), kind);
      pair.answerStart();
      pair.frontEnd.start();
      pair.ack(18);
      pair.answer(11, ints(0, answer));
      if (base === undefined) assert.throws(() => pair.frontEnd.stop(), { code: 'ERR_BAD_REPLY' });
      else {
        pair.frontEnd.stop();
        assert.equal(pair.frontEnd.base(0), base);
      }
    });

  test('stop all of them, though one says what cannot be true', () => {
    using pair = new Pair();
    const ram = pair.share();
    for (let ring = 0; ring < 3; ring++) pair.ring(ram);
    pair.answerStart(3);
    pair.frontEnd.start();
    pair.asked();
    pair.ack(18, 18, 18);
    for (const [ring, base] of [0, 7, 0].entries()) pair.answer(11, ints(ring, base));
    assert.throws(() => pair.frontEnd.stop(), {
      code: 'ERR_BAD_REPLY',
      message: /Ring 1 cannot have stopped at 0x7/,
    });
    assert.deepEqual(names(pair.asked()).slice(3), Array(3).fill('GET_VRING_BASE'));
  });

  test('of another kind than was agreed on do not start', () => {
    using pair = new Pair();
    pair.ring(pair.share(), 'packed');
    pair.ack(2);
    assert.throws(() => pair.frontEnd.start(), { code: 'ERR_RING_KIND' });
  });

  test('are no more than the back end has queues', () => {
    using pair = new Pair(PLAIN | ProtocolFeature.MQ);
    const ram = pair.share();
    for (let ring = 0; ring < 3; ring++) pair.ring(ram);
    assert.throws(() => pair.frontEnd.start(), { code: 'ERR_TOO_MANY_RINGS' });
  });

  test('bring the driver to DRIVER_OK where the back end wants to know', () => {
    using pair = new Pair(PLAIN | ProtocolFeature.STATUS);
    pair.ring(pair.share());
    pair.ack(2);
    pair.answer(40, u64(0));
    pair.ack(39);
    pair.answer(40, u64(8));
    pair.ack(9, 14, 13, 12, 18);
    pair.answer(40, u64(8));
    pair.ack(39);
    pair.answer(40, u64(15));
    pair.answer(1, u64(0));
    pair.frontEnd.start();
    const written = pair.asked().filter(({ name }) => name === 'SET_STATUS');
    // The reset of a back end that knows no other, then FEATURES_OK, then all of it
    assert.deepEqual(
      written.map(({ payload }) => payload[0]),
      [0, 8, 15],
    );
  });

  test('do not start where the back end does not keep FEATURES_OK', () => {
    using pair = new Pair(PLAIN | ProtocolFeature.STATUS | ProtocolFeature.RESET_DEVICE);
    pair.ring(pair.share());
    pair.ack(2);
    pair.answer(40, u64(0));
    pair.ack(39);
    pair.answer(40, u64(0));
    assert.throws(() => pair.frontEnd.start(), { code: 'ERR_STATUS' });
  });
});

describe('waiting for a call', () => {
  function waiting() {
    const pair = new Pair(PLAIN | ProtocolFeature.BACKEND_REQ);
    pair.ring(pair.share());
    pair.answerStart();
    pair.frontEnd.start();
    const asked = pair.asked();
    const fd = (name: string) => asked.find((one) => one.name === name)!.fds[0]!;
    return {
      pair,
      requests: fd('SET_BACKEND_REQ_FD'),
      call: fd('SET_VRING_CALL'),
      error: fd('SET_VRING_ERR'),
    };
  }

  test('ends with it, with the time, with the back end and with the ring', () => {
    const { pair, call, error } = waiting();
    using _pair = pair;
    const { frontEnd } = pair;
    assert.equal(frontEnd.waitForCall(0, 5), false);
    signalEventfd(call.number);
    assert.equal(frontEnd.waitForCall(0, 1000), true);
    signalEventfd(error.number);
    assert.throws(() => frontEnd.waitForCall(0, 1000), { code: 'ERR_RING_BROKEN' });
    pair.far[Symbol.dispose]();
    assert.throws(() => frontEnd.waitForCall(0, 1000), { code: 'ERR_DISCONNECTED' });
  });

  const request = (id: number, flags: number, payload: Uint8Array = new Uint8Array(0)) =>
    joined(ints(id, flags, payload.length), payload);

  test('serves the back end’s requests: configuration changes count, all else is refused', () => {
    const { pair, requests } = waiting();
    using _pair = pair;
    using stray = createEventfd('stray');
    const { frontEnd } = pair;
    const answers = (message: Uint8Array, fds: readonly number[] = []) => {
      sendMessage(requests, message, fds);
      frontEnd.serveRequests();
      const reply = new Uint8Array(20);
      if (receiveMessage(requests, reply, [], { dontWait: true }) === WOULD_BLOCK) return undefined;
      return [...new Uint32Array(reply.buffer)];
    };
    assert.equal(answers(request(2, 1)), undefined);
    assert.equal(frontEnd.configChanges, 1);
    assert.deepEqual(answers(request(2, 9)), [2, 5, 8, 0, 0]);
    assert.equal(frontEnd.configChanges, 2);
    // VRING_CALL, IOTLB_MSG, SHMEM_MAP, one that nobody knows
    for (const [id, payload] of [
      [4, ints(0, 0)],
      [1, new Uint8Array(32)],
      [9, new Uint8Array(40)],
      [77, new Uint8Array(0)],
    ] as const) {
      assert.deepEqual(answers(request(id, 9, payload), [stray.number]), [id, 5, 8, 1, 0]);
      assert.equal(answers(request(id, 1, payload), [stray.number]), undefined);
    }
    // A lookup is always answered
    assert.deepEqual(answers(request(8, 1, new Uint8Array(16))), [8, 5, 8, 1, 0]);
    assert.equal(frontEnd.configChanges, 2);
    assert.equal(frontEnd.requestChannelError, undefined);
  });

  test('takes a request in any number of pieces', () => {
    const { pair, requests } = waiting();
    using _pair = pair;
    for (const byte of request(2, 1)) {
      assert.equal(pair.frontEnd.configChanges, 0);
      sendMessage(requests, Uint8Array.of(byte));
      pair.frontEnd.serveRequests();
    }
    assert.equal(pair.frontEnd.configChanges, 1);
  });

  for (const [what, message] of [
    ['another version', request(2, 2)],
    ['a reply', request(2, 5)],
    ['a reserved flag', request(2, 0x11)],
    ['more bytes than any has', ints(2, 1, 0xffff_ffff)],
  ] as const)
    test(`closes the channel for good at ${what}, and that alone`, () => {
      const { pair, requests } = waiting();
      using _pair = pair;
      sendMessage(requests, message);
      pair.frontEnd.serveRequests();
      assert.ok(pair.frontEnd.requestChannelError !== undefined);
      assert.throws(() => sendMessage(requests, request(2, 1)), { errnoName: 'EPIPE' });
      pair.answer(1, u64(0));
      pair.frontEnd.ping();
      assert.equal(pair.frontEnd.waitForCall(0, 1), false);
    });

  test('is not disturbed by a back end that asks before it answers', () => {
    const { pair, requests } = waiting();
    using _pair = pair;
    sendMessage(requests, request(2, 9));
    assert.throws(() => pair.frontEnd.ping(), { code: 'ERR_DEADLINE' });
    assert.equal(pair.frontEnd.configChanges, 1);
    assert.equal(receiveMessage(requests, new Uint8Array(20), []), 20);
  });
});

describe('a back end that comes back', () => {
  test('is given the same memory, rings where it had finished, and is started', () => {
    using pair = new Pair();
    const queue = pair.ring(pair.share());
    queue.prepare(0, [{ address: 0, length: 1, writable: false }]);
    pair.answerStart();
    pair.frontEnd.start();
    queue.submit(0);
    queue.publish();
    pair.far[Symbol.dispose]();
    const [near, far] = createSocketPair('again');
    pair.far = far;
    pair.answerNegotiation();
    pair.ack(37);
    pair.answerStart();
    pair.frontEnd.reconnect(near);
    const asked = pair.asked();
    assert.deepEqual(names(asked).slice(-10), [
      ...[
        'ADD_MEM_REG',
        'SET_FEATURES',
        'SET_VRING_NUM',
        'SET_VRING_BASE',
        'SET_VRING_ADDR',
        'SET_VRING_ERR',
      ],
      ...['SET_VRING_CALL', 'SET_VRING_KICK', 'SET_VRING_ENABLE', 'GET_FEATURES'],
    ]);
    assert.ok(!names(asked).includes('RESET_DEVICE'));
    assert.equal(sent(asked, 'SET_VRING_BASE'), 0);
  });

  test('with less than before is refused, and may come back once more', () => {
    using pair = new Pair();
    pair.ring(pair.share());
    pair.answerStart();
    pair.frontEnd.start();
    const again = (features: bigint) => {
      pair.far[Symbol.dispose]();
      const [near, far] = createSocketPair('again');
      pair.far = far;
      pair.answerNegotiation(features);
      return near;
    };
    const less = again(TRANSPORT_FEATURES & ~VirtioFeature.EVENT_IDX);
    assert.throws(() => pair.frontEnd.reconnect(less), { code: 'ERR_FEATURES_LOST', message: /0x20000000/ });
    const silent = createSocketPair('silent');
    using _far = silent[1];
    assert.throws(() => pair.frontEnd.reconnect(silent[0]), { code: 'ERR_DEADLINE' });
    const half = again(TRANSPORT_FEATURES);
    pair.ack(37, 2);
    assert.throws(() => pair.frontEnd.reconnect(half), { code: 'ERR_DEADLINE', message: /SET_VRING_ADDR/ });
    const whole = again(TRANSPORT_FEATURES);
    pair.ack(37);
    pair.answerStart();
    pair.frontEnd.reconnect(whole);
    assert.ok(names(pair.asked()).includes('SET_VRING_KICK'));
  });
});
