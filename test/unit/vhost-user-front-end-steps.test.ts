/** What a front end sends, and what it makes of what a back end requests by itself. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import {
  createEventfd,
  createMemfd,
  createSocketPair,
  drainEventfd,
  type Fd,
  liveResources,
  receiveMessage,
  sendMessage,
  signalEventfd,
  WOULD_BLOCK,
} from '../../src/sys/index.ts';
import {
  FRONT_END_PROTOCOL_FEATURES,
  FrontEnd,
  type FrontEndOptions,
  GuestRam,
  HangUpError,
  ProtocolFeature,
  requestName,
  TRANSPORT_FEATURES,
  VirtioFeature,
} from '../../src/vhost-user/index.ts';
import { type DriverQueue, PackedDriverQueue, SplitDriverQueue } from '../../src/virtio/index.ts';
import { ints, joined, u64, words } from '../support/vhost-user-rig.ts';

let held: string[];
beforeEach(() => {
  held = liveResources();
});
afterEach(() => {
  assert.deepEqual(liveResources(), held);
});

interface Asked {
  readonly name: string;
  readonly flags: number;
  readonly payload: Uint8Array;
  readonly fds: Fd[];
}

/** Only what is needed, so that each test says what it is about. */
const PLAIN = ProtocolFeature.REPLY_ACK | ProtocolFeature.CONFIGURE_MEM_SLOTS;

/** A front end, and a far end that answers in advance. */
class Pair implements Disposable {
  readonly frontEnd: FrontEnd;
  far: Fd;
  readonly #stack = new DisposableStack();
  readonly #offered: bigint;

  constructor(offered = PLAIN, options: FrontEndOptions = {}, features = TRANSPORT_FEATURES) {
    const [near, far] = createSocketPair('front end');
    this.far = far;
    this.#offered = offered;
    this.frontEnd = this.#stack.use(new FrontEnd(near, { deadline: 30, ...options }));
    this.answerNegotiation(features);
    this.frontEnd.negotiate();
  }

  /** Memory of 64 KiB, which has been shared. */
  share(guestAddress = 0, size = 1 << 16): GuestRam {
    const ram = this.#stack.use(new GuestRam(size, guestAddress));
    this.ack(37);
    this.frontEnd.shareMemory(ram);
    return ram;
  }

  ring(ram: GuestRam, kind: 'split' | 'packed' = 'split', base?: number): DriverQueue {
    const Queue = kind === 'packed' ? PackedDriverQueue : SplitDriverQueue;
    const queue = new Queue(ram, ram.allocate(Queue.layoutLength(8, 1)), { size: 8, perSlot: 1 });
    this.frontEnd.addRing(queue, base);
    return queue;
  }

  answerNegotiation(features = TRANSPORT_FEATURES): void {
    this.answer(1, u64(features));
    this.answer(15, u64(this.#offered));
    const has = (feature: bigint) => (this.#offered & feature) !== 0n;
    if (has(ProtocolFeature.MQ)) this.answer(17, u64(2));
    if (has(ProtocolFeature.CONFIGURE_MEM_SLOTS)) this.answer(36, u64(4));
    if (has(ProtocolFeature.BACKEND_REQ)) this.ack(21);
    if (has(ProtocolFeature.STATUS) && !has(ProtocolFeature.RESET_DEVICE)) this.ack(39);
  }

  answerStart(rings = 1): void {
    this.ack(2);
    for (let ring = 0; ring < rings; ring++) this.ack(9, 14, 13, 12);
    for (let ring = 0; ring < rings; ring++) this.ack(18);
    this.answer(1, u64(TRANSPORT_FEATURES));
  }

  ack(...requests: number[]): void {
    for (const request of requests) this.answer(request, u64(0));
  }

  answer(request: number, payload: Uint8Array, fds: readonly number[] = []): void {
    sendMessage(this.far, joined(ints(request, 5, payload.length), payload), fds);
  }

  /** What has been asked so far. */
  asked(): Asked[] {
    return askedOf(this.far, this.#stack);
  }

  [Symbol.dispose](): void {
    this.#stack[Symbol.dispose]();
    this.far[Symbol.dispose]();
  }
}

/** What was sent to `far`; descriptors go into `stack`. */
function askedOf(far: Fd, stack: DisposableStack): Asked[] {
  const list: Asked[] = [];
  for (;;) {
    const head = new Uint8Array(12);
    const fds: Fd[] = [];
    if (receiveMessage(far, head, fds, { dontWait: true }) === WOULD_BLOCK) return list;
    const [id, flags, size] = new Uint32Array(head.buffer);
    const payload = new Uint8Array(size!);
    if (size! > 0) receiveMessage(far, payload, fds, { dontWait: true });
    for (const fd of fds) stack.use(fd);
    list.push({ name: requestName(id!), flags: flags!, payload, fds });
  }
}

function names(asked: readonly Asked[]): string[] {
  return asked.map(({ name }) => name);
}

/** The u64 at byte `at` of what `name` was sent with. */
function sent(asked: readonly Asked[], name: string, at = 0): number {
  const payload = asked.find((one) => one.name === name)!.payload;
  return Number(new DataView(payload.buffer).getBigUint64(at, true));
}

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
    const whole = again(TRANSPORT_FEATURES);
    pair.ack(37);
    pair.answerStart();
    pair.frontEnd.reconnect(whole);
    assert.ok(names(pair.asked()).includes('SET_VRING_KICK'));
  });
});
