/** Nonsense on the control channel: requests of every kind with odd values, odd descriptors, in odd pieces. */
import assert from 'node:assert/strict';
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
  NEGOTIATED,
  PACKED,
  RAM_SIZE,
  SessionRig,
  USER,
  u64,
} from '../support/vhost-user-rig.ts';
import { type Draw, fuzz } from './target.ts';

const WORDS = [0, 1, 2, 3, 8, 9, 16, 255, 256, 0x1000, 0x10000, 0x7fffffff, 0xffffffff];
const BASES = [0n, 0x100n, BigInt(USER), BigInt(RAM_SIZE), BigInt(USER + RAM_SIZE), 1n << 53n, 1n << 63n];
const OFFSETS = [0n, 1n, -1n, 2n, 0x10n, 0x80n, 0x98n, 0x1000n, 0x1080n, 0x1098n, 0x2000n, 0x40000n];
/** With user addresses, and with guest addresses. */
const PROTOCOLS = [NEGOTIATED, SERVED_PROTOCOL_FEATURES];
const BITS = [FEATURES, FEATURES & ~(1n << 26n), SERVED_PROTOCOL_FEATURES];

function word(draw: Draw): number {
  return draw.once(7) ? draw.below(2 ** 32) : draw.pick(WORDS);
}

function long(draw: Draw): bigint {
  const kind = draw.below(6);
  if (kind === 5) return draw.u64();
  return kind === 4 ? draw.pick(BITS) : BigInt.asUintN(64, draw.pick(BASES) + draw.pick(OFFSETS));
}

/** Words, longs and short ones (four at a time) as they lie in each request's payload. */
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
  31: 'lls',
  32: 'lls',
  37: 'lllll',
  38: 'lllll',
  42: 'ww',
};
const SHAPED = Object.keys(SHAPES).map(Number);

interface Step {
  readonly id: number;
  readonly flags: number;
  readonly payload: Uint8Array;
  readonly fds: readonly number[];
  readonly pieces: readonly number[];
}

function requestId(draw: Draw): number {
  const kind = draw.below(25);
  if (kind === 24) return draw.below(70);
  return kind >= 20 ? draw.pick([1, 3, 4, 15, 17, 21, 34, 36, 43]) : draw.pick(SHAPED);
}

function several(draw: Draw, limit: number): number[] {
  return Array.from({ length: draw.below(4) }, () => draw.below(limit));
}

function odd(draw: Draw): Step {
  const id = requestId(draw);
  const shape = [...(SHAPES[id] ?? '')];
  return {
    id,
    flags: draw.once(10) ? word(draw) : draw.pick([1, 9]),
    fds: several(draw, POOL),
    pieces: several(draw, 20).map((length) => length + 1),
    payload: draw.once(10) ? draw.take(draw.below(80)) : joined(...shape.map((kind) => field(kind, draw))),
  };
}

function field(kind: string, draw: Draw): Uint8Array {
  if (kind === 'w') return ints(word(draw));
  return kind === 'l' ? u64(long(draw)) : shorts(draw.below(5), draw.pick([0, 1, 8, 256, 0xffff]), 0, 0);
}

function shorts(...values: number[]): Uint8Array {
  return new Uint8Array(new Uint16Array(values).buffer);
}

/** What a good front end sends, so that the nonsense meets a session in every state. */
function sane(draw: Draw): Step[] {
  const ring = draw.below(3);
  const choices: (() => Step[])[] = [
    () => [
      good(8, ints(ring, 8)),
      good(9, addressBytes(ring, USER + 0x1000 * (ring + 1), 8, ring & 1, 0x1000)),
      good(12, u64(ring), ring & 1),
    ],
    () => [good(13, u64(ring), 1)],
    () => [good(11, ints(ring, 0))],
    () => [0, 1, 2].map((one) => good(11, ints(one, 0))),
    () => [good(18, ints(ring, 1))],
    () => [good(6, joined(u64(64), u64(16)), 3), good(2, u64(FEATURES))],
    () => [good(42, ints(0, 0), 4), good(43, new Uint8Array(0))],
    () => [good(24, joined(ints(4, 4, 0), ints(0)))],
    () => [good(31, joined(u64(0), u64(0), shorts(3, 8, 0, 0)))],
    () => [good(32, joined(u64(RAM_SIZE), u64(0), shorts(3, 8, 0, 0)), 2)],
    () => [good(16, u64(draw.pick(PROTOCOLS))), good(2, u64(draw.pick([FEATURES, FEATURES | PACKED])))],
    () => [good(34, new Uint8Array(0)), good(2, u64(FEATURES))],
  ];
  return draw.pick(choices)();
}

function good(id: number, payload: Uint8Array, ...fds: number[]): Step {
  return { id, payload, fds, flags: 9, pieces: [] };
}

/** Descriptors that a step can name. */
const POOL = 6;

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

fuzz('vhost-user', async (loop) => {
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
  await loop((draw) => {
    const steps: Step[] = [];
    for (let groups = 1 + draw.below(40); groups > 0 && !draw.ended; groups--)
      steps.push(...(draw.once(2) ? sane(draw) : [odd(draw)]));
    for (const call of converse(steps)) seen.add(call.split(' ')[0]!);
    assert.deepEqual(liveResources(), before);
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
