/** What a front end makes of a back end's answers, good and bad. The answers are sent before they are asked for. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, test } from 'node:test';
import {
  closeAll,
  createEventfd,
  createPipe,
  createSocketPair,
  type Fd,
  liveResources,
  receiveMessage,
  sendMessage,
  WOULD_BLOCK,
  writeFrom,
} from '../../src/sys/index.ts';
import { FrontEnd, GuestRam, requestName, SERVED_PROTOCOL_FEATURES } from '../../src/vhost-user/index.ts';
import { SplitDriverQueue } from '../../src/virtio/index.ts';
import { FEATURES, ints, joined, u64 } from '../support/vhost-user-rig.ts';

let held: string[];
beforeEach(() => {
  held = liveResources();
});
afterEach(() => {
  assert.deepEqual(liveResources(), held);
});

interface Answer {
  readonly id: number;
  readonly payload?: Uint8Array;
  readonly flags?: number;
  readonly size?: number;
  readonly fds?: readonly number[];
}

const NEGOTIATION: readonly Answer[] = [
  { id: 1, payload: u64(FEATURES) },
  { id: 15, payload: u64(SERVED_PROTOCOL_FEATURES) },
  { id: 17, payload: u64(2) },
  { id: 36, payload: u64(509) },
  { id: 21, payload: u64(0) },
];

/** A front end, and the other end of its socket. */
class Pair implements Disposable {
  readonly frontEnd: FrontEnd;
  readonly far: Fd;

  constructor(negotiate = true) {
    const [near, far] = createSocketPair('front end');
    this.far = far;
    this.frontEnd = new FrontEnd(near, { deadline: 30 });
    if (!negotiate) return;
    this.answer(...NEGOTIATION);
    this.frontEnd.negotiate();
    this.asked();
  }

  /** Answer what will be asked. */
  answer(...answers: readonly Answer[]): void {
    for (const { id, payload = new Uint8Array(0), flags = 5, size = payload.length, fds = [] } of answers)
      sendMessage(this.far, joined(ints(id, flags, size), payload), fds);
  }

  /** What has been asked so far; descriptors are closed. */
  asked(): { name: string; flags: number; payload: Uint8Array; fds: number }[] {
    const list: { name: string; flags: number; payload: Uint8Array; fds: number }[] = [];
    for (;;) {
      const head = new Uint8Array(12);
      const fds: Fd[] = [];
      if (receiveMessage(this.far, head, fds, { dontWait: true }) === WOULD_BLOCK) return list;
      const [id, flags, size] = new Uint32Array(head.buffer);
      const payload = new Uint8Array(size!);
      if (size! > 0) receiveMessage(this.far, payload, fds, { dontWait: true });
      list.push({ name: requestName(id!), flags: flags!, payload, fds: fds.length });
      closeAll(fds);
    }
  }

  [Symbol.dispose](): void {
    this.frontEnd[Symbol.dispose]();
    this.far[Symbol.dispose]();
  }
}

/** A pair with memory, and one ring that is not started. */
function withRing() {
  const pair = new Pair();
  const ram = new GuestRam(1 << 20);
  pair.answer({ id: 37, payload: u64(0) });
  pair.frontEnd.shareMemory(ram);
  const shape = { size: 8, perSlot: 1, eventIdx: true, indirect: false };
  pair.frontEnd.addRing(new SplitDriverQueue(ram, ram.allocate(SplitDriverQueue.layoutLength(8, 1)), shape));
  pair.asked();
  return {
    pair,
    [Symbol.dispose]: () => {
      pair[Symbol.dispose]();
      ram[Symbol.dispose]();
    },
  };
}

describe('negotiation', () => {
  test('asks in QEMU’s order and wants no more than it is offered', () => {
    using pair = new Pair(false);
    pair.answer(...NEGOTIATION);
    pair.frontEnd.negotiate();
    assert.deepEqual(
      pair.asked().map(({ name, flags }) => [name, flags]),
      [
        ['GET_FEATURES', 1],
        ['GET_PROTOCOL_FEATURES', 1],
        ['SET_PROTOCOL_FEATURES', 1],
        ['GET_QUEUE_NUM', 1],
        ['GET_MAX_MEM_SLOTS', 1],
        ['SET_BACKEND_REQ_FD', 9],
        ['SET_OWNER', 1],
        ['RESET_DEVICE', 1],
      ],
    );
    assert.equal(pair.frontEnd.protocolFeatures & ~SERVED_PROTOCOL_FEATURES, 0n);
    assert.equal(pair.frontEnd.memorySlots, 509);
  });

  test('does without protocol features', () => {
    using pair = new Pair(false);
    pair.answer({ id: 1, payload: u64(1n << 32n) });
    pair.frontEnd.negotiate();
    assert.deepEqual(
      pair.asked().map(({ name }) => name),
      ['GET_FEATURES', 'SET_OWNER'],
    );
    assert.equal(pair.frontEnd.maxQueues, undefined);
    assert.throws(() => pair.frontEnd.saveState(() => undefined), { code: 'ERR_NOT_NEGOTIATED' });
  });
});

describe('bad answers', () => {
  const rows: [what: string, answer: Answer, code: string][] = [
    ['flags 1', { id: 1, payload: u64(0), flags: 1 }, 'ERR_BAD_REPLY'],
    ['flags 13', { id: 1, payload: u64(0), flags: 13 }, 'ERR_BAD_REPLY'],
    ['flags 6', { id: 1, payload: u64(0), flags: 6 }, 'ERR_BAD_REPLY'],
    ['another request', { id: 2, payload: u64(0) }, 'ERR_BAD_REPLY'],
    ['4 bytes', { id: 1, payload: ints(0) }, 'ERR_BAD_REPLY'],
    ['no bytes', { id: 1 }, 'ERR_BAD_REPLY'],
    ['4 GiB', { id: 1, size: 0xffffffff }, 'ERR_BAD_REPLY'],
    ['half of itself', { id: 1, size: 8, payload: ints(0) }, 'ERR_DEADLINE'],
  ];
  for (const [what, answer, code] of rows)
    test(`${what}: ${code}`, () => {
      using pair = new Pair(false);
      pair.answer(answer);
      assert.throws(() => pair.frontEnd.ping(), { code });
    });

  test('silence ends with the deadline, and what comes later is not taken for an answer', () => {
    using pair = new Pair(false);
    assert.throws(() => pair.frontEnd.ping(), { code: 'ERR_DEADLINE' });
    pair.answer({ id: 1, payload: u64(0) });
    assert.throws(() => pair.frontEnd.ping(), { code: 'ERR_OUT_OF_STEP' });
  });

  test('hanging up is told at once', () => {
    using pair = new Pair(false);
    pair.far[Symbol.dispose]();
    assert.throws(() => pair.frontEnd.ping(), { code: 'ERR_DISCONNECTED' });
  });

  test('descriptors that nobody asked for are closed', () => {
    using pair = new Pair(false);
    using event = createEventfd('stray');
    const before = readdirSync('/proc/self/fd').length;
    for (let turn = 0; turn < 100; turn++) {
      pair.answer({ id: 1, payload: u64(0), fds: Array(turn % 9).fill(event.number) });
      pair.frontEnd.ping();
    }
    pair.answer({ id: 1, payload: u64(0), fds: Array(9).fill(event.number) });
    assert.throws(() => pair.frontEnd.ping(), { code: 'ERR_BAD_REPLY' });
    assert.equal(readdirSync('/proc/self/fd').length, before);
  });

  test('a refusal names the request', () => {
    using f = withRing();
    f.pair.answer({ id: 2, payload: u64(7) });
    assert.throws(() => f.pair.frontEnd.start(), { code: 'ERR_REFUSED', message: /SET_FEATURES with 7/ });
  });
});

describe('dirty log', () => {
  for (const size of [0, 8, 16])
    test(`an answer of ${size} bytes to SET_LOG_BASE will do`, () => {
      using f = withRing();
      f.pair.answer({ id: 6, payload: new Uint8Array(size) }, { id: 2, payload: u64(0) });
      f.pair.frontEnd.startLogging();
      const log = f.pair.frontEnd.collectDirty();
      assert.ok(log.every((byte) => byte === 0));
      assert.ok(log.length * 8 * 4096 >= 1 << 20);
      const [base, features] = f.pair.asked();
      assert.equal(base?.fds, 1);
      assert.ok((new DataView(features!.payload.buffer).getBigUint64(0, true) & (1n << 26n)) !== 0n);
    });
});

describe('device state', () => {
  const rows: [what: string, answer: Omit<Answer, 'id'>, fds: number, code: string][] = [
    ['0x101', { payload: u64(0x101) }, 0, 'ERR_REFUSED'],
    ['a failure without bit 8', { payload: u64(1) }, 0, 'ERR_REFUSED'],
    ['a failure with a descriptor', { payload: u64(1) }, 1, 'ERR_BAD_REPLY'],
    ['0x101 with a descriptor', { payload: u64(0x101) }, 1, 'ERR_BAD_REPLY'],
    ['0 without a descriptor', { payload: u64(0) }, 0, 'ERR_BAD_REPLY'],
    ['0 with two descriptors', { payload: u64(0) }, 2, 'ERR_BAD_REPLY'],
    ['0x100 with a descriptor', { payload: u64(0x100) }, 1, 'ERR_BAD_REPLY'],
    ['4 bytes', { payload: ints(0) }, 0, 'ERR_BAD_REPLY'],
    ['16 bytes with a descriptor', { payload: joined(u64(0), u64(0)) }, 1, 'ERR_BAD_REPLY'],
  ];
  for (const [what, answer, fds, code] of rows)
    for (const direction of ['save', 'load'] as const)
      test(`${direction} answered with ${what}: ${code}, nothing left open`, () => {
        using pair = new Pair();
        using event = createEventfd('stray');
        const before = readdirSync('/proc/self/fd').length;
        pair.answer({ id: 42, ...answer, fds: Array(fds).fill(event.number) });
        const move = () =>
          direction === 'save' ? pair.frontEnd.saveState(() => undefined) : pair.frontEnd.loadState([]);
        assert.throws(move, { code });
        pair.asked();
        assert.equal(readdirSync('/proc/self/fd').length, before);
      });

  test('is read from a channel of the back end’s own, to its end', () => {
    using pair = new Pair();
    const { read, write } = createPipe('back end’s own');
    writeFrom(write, new Uint8Array(5000).fill(3));
    pair.answer({ id: 42, payload: u64(0), fds: [read.number] }, { id: 43, payload: u64(0) });
    read[Symbol.dispose]();
    write[Symbol.dispose]();
    let total = 0;
    assert.equal(
      pair.frontEnd.saveState((piece) => {
        total += piece.length;
      }),
      5000,
    );
    assert.equal(total, 5000);
  });

  for (const [what, payload] of [
    ['1', u64(1)],
    ['a negative number', u64(2n ** 64n - 1n)],
  ] as const)
    test(`is not believed when CHECK_DEVICE_STATE says ${what}`, () => {
      using pair = new Pair();
      const { read, write } = createPipe('own');
      write[Symbol.dispose]();
      pair.answer({ id: 42, payload: u64(0), fds: [read.number] }, { id: 43, payload });
      read[Symbol.dispose]();
      assert.throws(() => pair.frontEnd.saveState(() => undefined), { code: 'ERR_STATE_REFUSED' });
    });

  test('that never ends, or stalls, is given up', () => {
    using pair = new Pair();
    const { read, write } = createPipe('own');
    using _write = write;
    writeFrom(write, new Uint8Array(4000));
    pair.answer({ id: 42, payload: u64(0), fds: [read.number] });
    assert.throws(() => pair.frontEnd.saveState(() => undefined, { limit: 3999 }), {
      code: 'ERR_STATE_TOO_LARGE',
    });
    pair.answer({ id: 42, payload: u64(0), fds: [read.number] });
    read[Symbol.dispose]();
    assert.throws(() => pair.frontEnd.saveState(() => undefined, { stall: 20 }), { code: 'ERR_DEADLINE' });
  });

  test('that keeps moving may still take too long altogether', () => {
    using pair = new Pair();
    const { read, write } = createPipe('own');
    using _write = write;
    writeFrom(write, new Uint8Array(60_000));
    pair.answer({ id: 42, payload: u64(0), fds: [read.number] });
    read[Symbol.dispose]();
    assert.throws(() => pair.frontEnd.saveState(() => undefined, { deadline: 20 }), {
      code: 'ERR_DEADLINE',
      message: /20 ms/,
    });
  });

  for (const [what, direction] of [
    ['a pipe that goes the other way', 'save'],
    ['a pipe that goes the other way', 'load'],
    ['neither a pipe nor a socket', 'save'],
  ] as const)
    test(`does not go over ${what} (${direction})`, () => {
      using pair = new Pair();
      const { read, write } = createPipe('own');
      using event = createEventfd('own');
      const own = what.startsWith('neither') ? event : direction === 'save' ? write : read;
      pair.answer({ id: 42, payload: u64(0), fds: [own.number] });
      for (const end of [read, write]) end[Symbol.dispose]();
      const move = () =>
        direction === 'save' ? pair.frontEnd.saveState(() => undefined) : pair.frontEnd.loadState([]);
      assert.throws(move, { code: 'ERR_BAD_REPLY' });
    });

  test('whose back end goes away while it is loaded is an error', () => {
    using pair = new Pair();
    const { read, write } = createPipe('own');
    pair.answer({ id: 42, payload: u64(0), fds: [write.number] });
    write[Symbol.dispose]();
    read[Symbol.dispose]();
    assert.throws(() => pair.frontEnd.loadState([new Uint8Array(10)]), {
      code: 'ERR_SYSTEM',
      errnoName: 'EPIPE',
    });
  });
});
