/** Nonsense from a back end: answers of every kind with odd values and descriptors, and requests of its own. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { FerryError } from '../../src/errors.ts';
import {
  createEventfd,
  createMemfd,
  createPipe,
  createSocketPair,
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
  GuestRam,
  type InflightRegion,
  TRANSPORT_FEATURES,
  VirtioFeature,
} from '../../src/vhost-user/index.ts';
import { PackedDriverQueue, SplitDriverQueue, VirtqueueError } from '../../src/virtio/index.ts';
import { ints, joined, u64, words } from '../support/vhost-user-rig.ts';
import { type Draw, fuzz } from './target.ts';

const WANTED = TRANSPORT_FEATURES | VirtioFeature.RING_PACKED;
const NUMBERS = [
  0n,
  1n,
  8n,
  15n,
  0x100n,
  0x101n,
  0xffffn,
  0x1_0000n,
  0x8000_8000n,
  1n << 53n,
  (1n << 64n) - 1n,
];

/** Memory, descriptors and queues that every case uses. */
class Stage implements Disposable {
  readonly ram = new GuestRam(1 << 17);
  readonly further = new GuestRam(1 << 12, 2 ** 32);
  readonly event = createEventfd('stray');
  readonly memory = createMemfd('region', 8192);
  readonly #pipe = createPipe('stream');

  /** Descriptors that a back end may send along. */
  get strays(): readonly Fd[] {
    return [this.event, this.memory, this.#pipe.read, this.#pipe.write];
  }

  [Symbol.dispose](): void {
    for (const one of [this.ram, this.further, this.event, this.memory, this.#pipe.read, this.#pipe.write])
      one[Symbol.dispose]();
  }
}

/** A request that waits for an answer, and the value of the right one where it is not 0. */
type Awaited = number | readonly [request: number, value: bigint];
/** What a front end does, and the requests that it waits for an answer to, as they come. */
type Step = readonly [answered: readonly Awaited[], act: (frontEnd: FrontEnd, stage: Stage) => void];

const RING = [9, 14, 13, 12];
let region: InflightRegion | undefined;
const STEPS: readonly Step[] = [
  [[1], (frontEnd) => frontEnd.ping()],
  [[37], (frontEnd, { further }) => frontEnd.shareMemory(further)],
  [[38], (frontEnd, { further }) => frontEnd.removeMemory(further)],
  [[2, [40, 0n], 39, [40, 8n], ...RING, 18, [40, 8n], 39, [40, 15n], 1], (frontEnd) => frontEnd.start()],
  [[18, 11], (frontEnd) => frontEnd.stop()],
  [[6, 2, 9], (frontEnd) => frontEnd.startLogging()],
  [[2, 9], (frontEnd) => frontEnd.stopLogging()],
  [[24], (frontEnd) => void frontEnd.readConfig(0, 60)],
  [[25], (frontEnd) => frontEnd.writeConfig(0, new Uint8Array(4))],
  [[40], (frontEnd) => void frontEnd.status],
  [
    [2, 31, 32],
    (frontEnd) => {
      region?.[Symbol.dispose]();
      region = undefined;
      region = frontEnd.getInflight({ queues: 1, queueSize: 8 });
    },
  ],
  [
    [42, 43],
    (frontEnd) => void frontEnd.saveState(() => undefined, { stall: 1, limit: 1 << 20, deadline: 5 }),
  ],
  [[42, 43], (frontEnd) => void frontEnd.loadState([new Uint8Array(100)], { stall: 1, deadline: 5 })],
  [[], (frontEnd) => void frontEnd.waitForCall(0, 0)],
];
const OPENING = [1, 15, 17, 36, 21];

/** Payload of the kind that answers `id`, sensible but once in `noise` times. */
function payloadFor(draw: Draw, noise: number, id: number, value: bigint): Uint8Array {
  const number = () => (draw.once(10) ? draw.u64() : draw.pick(NUMBERS));
  const sensible = !draw.once(noise);
  switch (id) {
    case 1:
      return u64(sensible ? WANTED & ~(draw.once(2) ? VirtioFeature.RING_PACKED : 0n) : number());
    case 15:
      return u64(sensible ? FRONT_END_PROTOCOL_FEATURES & ~(1n << BigInt(draw.below(22))) : number());
    case 11:
      return ints(
        sensible ? 0 : draw.below(4),
        sensible ? draw.pick([0, 0x8000_8000, 0x8000]) : Number(number() & 0xffffffffn),
      );
    case 24:
      return joined(ints(0, sensible ? 60 : draw.below(300), 0), draw.take(60));
    case 31:
      return joined(
        words(sensible ? 4096 : number(), sensible ? 0 : number()),
        new Uint8Array(new Uint16Array([1, sensible ? 8 : draw.below(65536), 0, 0]).buffer),
      );
    case 17:
    case 36:
      return u64(sensible ? 4n : number());
    case 40:
      return u64(sensible ? value : number());
    case 42:
      return u64(sensible ? draw.pick([0n, 0x100n]) : number());
    default:
      return u64(sensible ? 0n : number());
  }
}

/** Answer a request before it is made. */
function answer(draw: Draw, noise: number, far: Fd, stage: Stage, awaited: Awaited): void {
  if (draw.once(4 * noise)) return;
  const [id, value] = typeof awaited === 'number' ? [awaited, 0n] : awaited;
  const payload = payloadFor(draw, noise, id, value);
  const odd = draw.once(noise) ? draw.below(4) : -1;
  const fds: Fd[] = [];
  if (id === 31 && !draw.once(noise)) fds.push(stage.memory);
  if (id === 42 && payload[1] === 0 && !draw.once(noise)) fds.push(stage.strays[2 + draw.below(2)]!);
  if (draw.once(noise)) for (let i = draw.below(10); i > 0; i--) fds.push(draw.pick(stage.strays));
  const request = odd === 0 ? draw.below(60) : id;
  const flags = odd === 1 ? draw.below(2 ** 32) : 5;
  const size = odd === 2 ? draw.below(2 ** 32) : payload.length;
  const body = odd === 3 ? payload.subarray(0, draw.below(payload.length)) : payload;
  sendMessage(
    far,
    joined(ints(request, flags, size), body),
    fds.map(({ number }) => number),
    { dontWait: true },
  );
}

/** What is thrown has to be an error of Ferry's. */
function attempt(act: () => void): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    if (error instanceof FerryError || error instanceof VirtqueueError) return error.code;
    throw error;
  }
}

/** Requests of the back end's own, on the descriptor that it was given for them. */
function request(draw: Draw, requests: Fd, stage: Stage): void {
  const size = draw.once(4) ? draw.below(2 ** 32) : draw.below(48);
  const head = ints(
    draw.once(4) ? draw.below(80) : 2,
    draw.once(4) ? draw.below(32) : draw.pick([1, 9]),
    size,
  );
  const bytes = joined(head, draw.take(Math.min(size, draw.below(64))));
  const fds = draw.once(5) ? stage.strays.slice(0, draw.below(5)).map(({ number }) => number) : [];
  try {
    sendMessage(requests, bytes.subarray(0, 1 + draw.below(bytes.length)), fds, { dontWait: true });
  } catch (error) {
    // The front end has closed the channel, which is its right
    assert.equal(error instanceof FerryError ? error.code : undefined, 'ERR_SYSTEM');
  }
}

/** Take what was sent to `far`: its descriptors are the back end's, and one of them may be a request channel. */
function take(far: Fd, into: Fd[]): void {
  const bytes = new Uint8Array(4096);
  while (receiveMessage(far, bytes, into, { dontWait: true }) !== WOULD_BLOCK);
}

fuzz('front-end', async (loop) => {
  using stage = new Stage();
  let started = 0;
  let transfers = 0;
  const open = () => readdirSync('/proc/self/fd').length;
  await loop((draw) => {
    const [held, before] = [liveResources().length, open()];
    const taken: Fd[] = [];
    const [near, far] = createSocketPair('front end');
    far.setNonBlocking(true);
    {
      using _far = far;
      using frontEnd = new FrontEnd(near, { deadline: 1, features: WANTED });
      const Queue = draw.once(2) ? PackedDriverQueue : SplitDriverQueue;
      const queue = new Queue(stage.ram, stage.ram.guestAddress, { size: 8, perSlot: 1 });
      const noise = draw.pick([8, 40, 250]);
      for (const id of OPENING) answer(draw, noise, far, stage, id);
      attempt(() => frontEnd.negotiate());
      answer(draw, noise, far, stage, 37);
      attempt(() => frontEnd.shareMemory(stage.ram));
      frontEnd.addRing(queue);
      for (let step = 0; step < 8 && !draw.ended; step++) {
        take(far, taken);
        const [answered, act] = draw.pick(STEPS);
        for (const awaited of answered) answer(draw, noise, far, stage, awaited);
        const channel = taken.find(({ closed }) => !closed);
        if (channel !== undefined && draw.once(4)) request(draw, channel, stage);
        if (draw.once(20)) signalEventfd(stage.event.number);
        const failed = attempt(() => act(frontEnd, stage));
        frontEnd.serveRequests();
        if (failed === undefined && answered.length > 10) started++;
        if (failed === undefined && answered[0] === 42) transfers++;
        if (failed === 'ERR_OUT_OF_STEP') break;
      }
      region?.[Symbol.dispose]();
      region = undefined;
    }
    for (const fd of taken) fd[Symbol.dispose]();
    assert.equal(liveResources().length, held, 'something was not given back');
    assert.equal(open(), before, 'a descriptor was left open');
  });
  assert.ok(started > 0 && transfers > 0, `${started} starts and ${transfers} transfers were reached`);
});
