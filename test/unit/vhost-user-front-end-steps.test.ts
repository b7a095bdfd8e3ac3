/** What a front end sends: negotiation, memory, inflight region; and what an acknowledgement is worth. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import {
  createEventfd,
  createMemfd,
  createSocketPair,
  liveResources,
  sendMessage,
} from '../../src/sys/index.ts';
import {
  FRONT_END_PROTOCOL_FEATURES,
  FrontEnd,
  GuestRam,
  HangUpError,
  ProtocolFeature,
  TRANSPORT_FEATURES,
  VirtioFeature,
} from '../../src/vhost-user/index.ts';
import { askedOf, names, Pair, PLAIN, sent } from '../support/front-end-pair.ts';
import { ints, joined, u64, words } from '../support/vhost-user-rig.ts';

let held: string[];
beforeEach(() => {
  held = liveResources();
});
afterEach(() => {
  assert.deepEqual(liveResources(), held);
});

describe('the opening', () => {
  test('in libblkio’s order has NEED_REPLY wherever it may, and tolerates it in answers', () => {
    const [near, far] = createSocketPair('front end');
    using frontEnd = new FrontEnd(near, { order: 'libblkio', deadline: 30 });
    using _far = far;
    const answer = (id: number, payload: Uint8Array, flags = 5) =>
      sendMessage(far, joined(ints(id, flags, payload.length), payload));
    answer(1, u64(TRANSPORT_FEATURES));
    answer(15, u64(PLAIN | ProtocolFeature.MQ));
    answer(17, u64(2), 13);
    answer(36, u64(4), 13);
    frontEnd.negotiate();
    using stack = new DisposableStack();
    assert.deepEqual(
      askedOf(far, stack).map(({ name, flags }) => [name, flags]),
      [
        ['SET_OWNER', 1],
        ['GET_FEATURES', 1],
        ['SET_FEATURES', 1],
        ['GET_PROTOCOL_FEATURES', 1],
        ['SET_PROTOCOL_FEATURES', 1],
        ['GET_QUEUE_NUM', 9],
        ['GET_MAX_MEM_SLOTS', 9],
      ],
    );
    assert.equal(frontEnd.features & VirtioFeature.LOG_ALL, 0n);
  });

  test('leaves requests in flight to nobody, unless it is told to', () => {
    const inflight = ProtocolFeature.GET_VRING_BASE_INFLIGHT;
    using plain = new Pair(PLAIN | inflight);
    assert.equal(plain.frontEnd.has('GET_VRING_BASE_INFLIGHT'), false);
    using told = new Pair(PLAIN | inflight, { protocolFeatures: FRONT_END_PROTOCOL_FEATURES });
    assert.equal(told.frontEnd.has('GET_VRING_BASE_INFLIGHT'), true);
  });

  test('goes over a socket that was inherited, by its number', () => {
    const [near, far] = createSocketPair('front end');
    using _far = far;
    sendMessage(far, joined(ints(1, 5, 8), u64(VirtioFeature.VERSION_1)));
    using frontEnd = FrontEnd.inherit(near.release(), { deadline: 30 });
    assert.equal(frontEnd.features, VirtioFeature.VERSION_1);
  });

  test('can be made step by step', () => {
    const [near, far] = createSocketPair('front end');
    using _far = far;
    using frontEnd = new FrontEnd(near, { deadline: 30 });
    const answer = (id: number, payload: Uint8Array) =>
      sendMessage(far, joined(ints(id, 5, payload.length), payload));
    answer(1, u64(TRANSPORT_FEATURES));
    assert.equal(frontEnd.step.askFeatures(VirtioFeature.VERSION_1), TRANSPORT_FEATURES);
    assert.equal(frontEnd.features, VirtioFeature.VERSION_1);
    answer(15, u64(FRONT_END_PROTOCOL_FEATURES));
    frontEnd.step.askProtocolFeatures();
    frontEnd.step.acceptProtocolFeatures(ProtocolFeature.MQ);
    answer(17, u64(7));
    assert.equal(frontEnd.step.askQueues(), 7);
    assert.throws(() => frontEnd.readConfig(0, 8), { code: 'ERR_NOT_NEGOTIATED' });
  });
});

describe('acknowledgements', () => {
  test('are void when the back end hangs up before it reads the next request', () => {
    using pair = new Pair();
    pair.ack(2);
    pair.frontEnd.step.setFeatures(0n);
    pair.asked();
    pair.far[Symbol.dispose]();
    assert.throws(
      () => pair.frontEnd.ping(),
      (error) =>
        error instanceof HangUpError &&
        error.request === 'GET_FEATURES' &&
        error.voidAcknowledgement === 'SET_FEATURES',
    );
  });

  test('hold once another answer has come', () => {
    using pair = new Pair();
    pair.ack(2);
    pair.answer(1, u64(0));
    pair.frontEnd.step.setFeatures(0n);
    pair.frontEnd.ping();
    pair.far[Symbol.dispose]();
    assert.throws(
      () => pair.frontEnd.ping(),
      (error) => error instanceof HangUpError && error.voidAcknowledgement === undefined,
    );
  });

  test('that nobody gave are named, too', () => {
    using pair = new Pair(0n);
    pair.frontEnd.step.setFeatures(0n);
    pair.far[Symbol.dispose]();
    assert.throws(() => pair.frontEnd.ping(), {
      code: 'ERR_DISCONNECTED',
      message: /unanswered before it: .*SET_FEATURES/,
    });
  });
});

describe('memory', () => {
  test('comes and goes region by region, and rings are found in theirs', () => {
    using pair = new Pair();
    const low = pair.share();
    const high = pair.share(2 ** 32);
    pair.ring(high);
    pair.answerStart();
    pair.frontEnd.start();
    const asked = pair.asked();
    const offset = high.userAddress - high.guestAddress;
    assert.equal(sent(asked, 'SET_VRING_ADDR', 8), high.guestAddress + offset);
    assert.throws(() => pair.frontEnd.removeMemory(high), { code: 'ERR_REGION_IN_USE' });
    pair.ack(38);
    pair.frontEnd.removeMemory(low);
    const [removal] = pair.asked();
    assert.deepEqual([removal?.name, removal?.fds.length], ['REM_MEM_REG', 0]);
    assert.throws(() => pair.frontEnd.removeMemory(low), { code: 'ERR_NO_REGION' });
  });

  test('goes by guest addresses with GPA_ADDRESSES', () => {
    using pair = new Pair(PLAIN | ProtocolFeature.GPA_ADDRESSES);
    const ram = pair.share(2 ** 32);
    const { addresses } = pair.ring(ram);
    pair.answerStart();
    pair.frontEnd.start();
    const asked = pair.asked();
    assert.equal(sent(asked, 'ADD_MEM_REG', 24), 2 ** 32);
    assert.equal(sent(asked, 'SET_VRING_ADDR', 8), addresses.descriptors);
    assert.equal(sent(asked, 'SET_VRING_ADDR', 16), addresses.used);
    assert.equal(sent(asked, 'SET_VRING_ADDR', 24), addresses.available);
  });

  test('is refused where it overlaps, or is more than the back end takes', () => {
    using pair = new Pair();
    pair.share();
    using overlapping = new GuestRam(1 << 16, 4096);
    assert.throws(() => pair.frontEnd.shareMemory(overlapping), { code: 'ERR_OVERLAP' });
    for (let region = 1; region < 4; region++) pair.share(region * 2 ** 32);
    using fifth = new GuestRam(4096, 5 * 2 ** 32);
    assert.throws(() => pair.frontEnd.shareMemory(fifth), { code: 'ERR_TOO_MANY_REGIONS' });
  });

  test('that is added while pages are logged makes the log longer, and loses nothing of it', () => {
    using pair = new Pair(PLAIN | ProtocolFeature.LOG_SHMFD);
    pair.share();
    pair.answer(6, u64(0));
    pair.ack(2);
    pair.frontEnd.startLogging();
    const before = pair.frontEnd.collectDirty().length;
    pair.ack(37);
    pair.answer(6, new Uint8Array(0));
    using further = new GuestRam(4096, 2 ** 32);
    pair.frontEnd.shareMemory(further);
    assert.ok(pair.frontEnd.collectDirty().length >= 2 ** 32 / 4096 / 8);
    assert.ok(before < 2 ** 32 / 4096 / 8);
  });
});

describe('an inflight region', () => {
  const SHAPE = { queues: 1, queueSize: 8 };
  const place = (size: number, offset: number, queues = 1, queueSize = 8) =>
    joined(words(size, offset), new Uint8Array(new Uint16Array([queues, queueSize, 0, 0]).buffer));

  function withMemory() {
    const pair = new Pair(PLAIN | ProtocolFeature.INFLIGHT_SHMFD);
    const memory = createMemfd('inflight', 8192);
    return { pair, memory, [Symbol.dispose]: () => void [pair, memory].map((one) => one[Symbol.dispose]()) };
  }

  test('is handed back to be used, and again to a back end that comes back', () => {
    using f = withMemory();
    const { pair, memory } = f;
    pair.ack(2);
    pair.answer(31, place(4096, 4096), [memory.number]);
    pair.ack(32);
    using region = pair.frontEnd.getInflight(SHAPE)!;
    assert.deepEqual([region.size, region.offset], [4096, 4096]);
    assert.deepEqual(names(pair.asked()).slice(-3), ['SET_FEATURES', 'GET_INFLIGHT_FD', 'SET_INFLIGHT_FD']);
    pair.far[Symbol.dispose]();
    const [near, far] = createSocketPair('again');
    pair.far = far;
    pair.answerNegotiation();
    pair.ack(2, 32);
    pair.frontEnd.reconnect(near);
    const again = pair.asked().at(-1)!;
    assert.deepEqual([again.name, again.fds.length], ['SET_INFLIGHT_FD', 1]);
    assert.deepEqual([...again.payload], [...place(4096, 4096)]);
  });

  test('need not be there', () => {
    using f = withMemory();
    f.pair.ack(2);
    f.pair.answer(31, place(0, 0));
    assert.equal(f.pair.frontEnd.getInflight(SHAPE), undefined);
  });

  for (const [what, payload, kind] of [
    ['is larger than its file', place(8193, 0), 'memory'],
    ['begins behind its file', place(16, 8192), 'memory'],
    ['is for more queues than were asked for', place(4096, 0, 2), 'memory'],
    ['is for longer queues than were asked for', place(4096, 0, 1, 16), 'memory'],
    ['is larger than any can be', place(2 ** 40, 0), 'memory'],
    ['is no memory', place(4096, 0), 'eventfd'],
    ['has no descriptor', place(4096, 0), undefined],
    ['has a descriptor and no size', place(0, 0), 'memory'],
  ] as const)
    test(`is not believed when it ${what}`, () => {
      using f = withMemory();
      using event = createEventfd('no memory');
      const fds = { memory: [f.memory.number], eventfd: [event.number] };
      f.pair.ack(2);
      f.pair.answer(31, payload, kind === undefined ? [] : fds[kind]);
      assert.throws(() => f.pair.frontEnd.getInflight(SHAPE), { code: 'ERR_BAD_REPLY' });
    });
});
