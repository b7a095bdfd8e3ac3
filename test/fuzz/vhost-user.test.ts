/** Nonsense on the control channel: requests of every kind with odd values, odd descriptors, in odd pieces. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FerryError } from '../../src/errors.ts';
import {
  closeAll,
  createEventfd,
  createMemfd,
  createPipe,
  createSocketPair,
  type Fd,
  liveResources,
  receiveMessage,
  sendMessage,
  WOULD_BLOCK,
} from '../../src/sys/index.ts';
import { SERVED_PROTOCOL_FEATURES } from '../../src/vhost-user/index.ts';
import { DescriptorChain, VirtqueueError } from '../../src/virtio/index.ts';
import {
  addressBytes,
  FEATURES,
  ints,
  joined,
  RAM_SIZE,
  SessionRig,
  USER,
  u64,
} from '../support/vhost-user-rig.ts';

const seconds = Number(process.env.FERRY_FUZZ_SECONDS ?? 2);

const word = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(0, 1, 2, 3, 8, 9, 16, 255, 256, 0x1000, 0x10000, 0x7fffffff, 0xffffffff),
  },
  { weight: 1, arbitrary: fc.nat(0xffffffff) },
);
const long = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(
        fc.constantFrom(
          0n,
          0x100n,
          BigInt(USER),
          BigInt(RAM_SIZE),
          BigInt(USER + RAM_SIZE),
          1n << 53n,
          1n << 63n,
        ),
        fc.constantFrom(0n, 1n, -1n, 2n, 0x10n, 0x80n, 0x98n, 0x1000n, 0x1080n, 0x1098n, 0x2000n, 0x40000n),
      )
      .map(([base, more]) => BigInt.asUintN(64, base + more)),
  },
  { weight: 1, arbitrary: fc.constantFrom(FEATURES, FEATURES & ~(1n << 26n), SERVED_PROTOCOL_FEATURES) },
  { weight: 1, arbitrary: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) },
);

/** Words and longs as they lie in each request's payload. */
const SHAPES: Readonly<Record<number, string>> = {
  2: 'l',
  5: 'wwlllllllllllll',
  6: 'll',
  8: 'ww',
  9: 'wwllll',
  10: 'ww',
  11: 'ww',
  12: 'l',
  13: 'l',
  14: 'l',
  16: 'l',
  18: 'ww',
  24: 'wwwll',
  25: 'wwwll',
  37: 'lllll',
  38: 'lllll',
  42: 'ww',
};

const payloadOf = (id: number) =>
  fc
    .tuple(
      ...[...(SHAPES[id] ?? '')].map((kind) => (kind === 'w' ? word.map((n) => ints(n)) : long.map(u64))),
    )
    .map((parts) => joined(...parts));

const request = fc.record({
  id: fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom(...Object.keys(SHAPES).map(Number)) },
    { weight: 4, arbitrary: fc.constantFrom(1, 3, 4, 15, 17, 21, 34, 36, 43) },
    { weight: 1, arbitrary: fc.nat(70) },
  ),
  flags: fc.oneof({ weight: 9, arbitrary: fc.constantFrom(1, 9) }, { weight: 1, arbitrary: word }),
  fds: fc.array(fc.nat(5), { maxLength: 3 }),
  pieces: fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 3 }),
});
const step = request.chain((head) =>
  fc
    .oneof(
      { weight: 9, arbitrary: payloadOf(head.id) },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 80 }) },
    )
    .map((payload) => ({ ...head, payload })),
);

interface Step {
  readonly id: number;
  readonly flags: number;
  readonly payload: Uint8Array;
  readonly fds: readonly number[];
  readonly pieces: readonly number[];
}

/** What a good front end sends, so that the nonsense meets a session in every state. */
const sane = fc
  .tuple(fc.nat(2), fc.nat(7))
  .map(
    ([ring, which]) =>
      [
        [
          good(8, ints(ring, 8)),
          good(9, addressBytes(ring, USER + 0x1000 * (ring + 1), 8, ring & 1, 0x1000)),
          good(12, u64(ring), ring & 1),
        ],
        [good(13, u64(ring), 1)],
        [good(11, ints(ring, 0))],
        [0, 1, 2].map((one) => good(11, ints(one, 0))),
        [good(18, ints(ring, 1))],
        [good(6, joined(u64(64), u64(16)), 3), good(2, u64(FEATURES))],
        [good(42, ints(0, 0), 4), good(43, new Uint8Array(0))],
        [good(24, joined(ints(4, 4, 0), ints(0)))],
        [good(34, new Uint8Array(0)), good(2, u64(FEATURES))],
      ].at(which)!,
  );

function good(id: number, payload: Uint8Array, ...fds: number[]): Step {
  return { id, payload, fds, flags: 9, pieces: [] };
}

/** What a device does with the rings, whatever state they are in. */
function serveRings(rig: SessionRig, chain: DescriptorChain): void {
  for (const ring of rig.session.rings) {
    const { queue } = ring;
    if (queue === undefined) continue;
    try {
      for (let turn = 0; turn < 3 && queue.pop(chain); turn++) {
        chain.writable.fill(1, 10_000);
        queue.complete(chain);
        if (queue.needsNotify()) rig.session.notify(ring);
      }
      queue.enableKicks();
    } catch (error) {
      assert.ok(error instanceof VirtqueueError, String(error));
      rig.session.reportBroken(ring);
    }
  }
}

function drainReplies(socket: Fd, into: Uint8Array, fds: Fd[]): void {
  for (;;) {
    const count = receiveMessage(socket, into, fds, { dontWait: true });
    closeAll(fds);
    if (count === 0 || count === WOULD_BLOCK) return;
  }
}

test('no request makes a session throw, hang or leak', () => {
  using ram = createMemfd('ram', RAM_SIZE);
  using small = createMemfd('small', 5000);
  using event = createEventfd('event');
  using other = createEventfd('other event');
  const pipe = createPipe('pipe');
  using _read = pipe.read;
  using write = pipe.write;
  const [near, far] = createSocketPair('pair');
  using _near = near;
  using _far = far;
  const pool = [event, other, ram, small, write, near];
  const before = liveResources();
  const chain = new DescriptorChain();
  const into = new Uint8Array(65536);
  const seen = new Set<string>();
  const converse = (steps: readonly Step[]): string[] => {
    using rig = new SessionRig();
    const fds: Fd[] = [];
    rig.negotiate();
    rig.tell(37, joined(u64(0), u64(0), u64(RAM_SIZE), u64(USER), u64(0)), [ram.number]);
    for (const { id, flags, payload, fds: chosen, pieces } of steps) {
      if (rig.session.closed) break;
      const message = joined(ints(id, flags, payload.length), payload);
      const numbers = chosen.map((i) => pool[i]!.number);
      let sent = 0;
      for (const piece of [...pieces, message.length]) {
        const part = message.subarray(sent, sent + piece);
        if (part.length === 0) break;
        sendMessage(rig.socket, part, sent === 0 ? numbers : []);
        sent += part.length;
        rig.session.onReady();
        if (rig.session.closed) break;
      }
      rig.backEnd.channel?.[Symbol.dispose]();
      serveRings(rig, chain);
      if (!rig.session.closed) drainReplies(rig.socket, into, fds);
    }
    if (rig.session.closed) assert.ok(rig.session.closeReason instanceof FerryError);
    return rig.backEnd.calls;
  };
  const steps = fc.array(
    fc.oneof(
      step.map((one): Step[] => [one]),
      sane,
    ),
    { minLength: 1, maxLength: 40 },
  );
  const nonsense = fc.property(steps, (groups) => {
    for (const call of converse(groups.flat())) seen.add(call.split(' ')[0]!);
    assert.deepEqual(liveResources(), before);
  });
  // As many as it takes to reach everything, then as many as there is time for
  fc.assert(nonsense, { numRuns: 200 });
  fc.assert(nonsense, {
    interruptAfterTimeLimit: seconds * 1000,
    numRuns: 1_000_000,
    markInterruptAsFailure: false,
  });
  for (const name of [
    'setFeatures',
    'startRing',
    'stopRing',
    'enableRing',
    'reset',
    'beginTransfer',
    'readConfig',
  ])
    assert.ok(seen.has(name), `${name} was never reached: the inputs are too wild`);
});
