/**
 * Every answer of a back end, wrong in every way: a named error within the deadline, and nothing left open after many
 * repetitions. Answers are sent before they are asked for; only a hang-up in the middle takes a thread.
 */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { FerryError } from '../../src/errors.ts';
import {
  createEventfd,
  createMemfd,
  createPipe,
  createSocketPair,
  type Fd,
  liveResources,
  sendMessage,
} from '../../src/sys/index.ts';
import {
  FRONT_END_PROTOCOL_FEATURES,
  FrontEnd,
  GuestRam,
  ProtocolFeature,
  requestName,
  TRANSPORT_FEATURES,
} from '../../src/vhost-user/index.ts';
import { SplitDriverQueue } from '../../src/virtio/index.ts';
import { HangUp } from '../support/hang-up.ts';
import { ints, joined, u64, words } from '../support/vhost-user-rig.ts';

/** Where descriptors or memory are at stake, and where they are not. */
const REPETITIONS = 200;
const FEW_REPETITIONS = 20;
const DEADLINE = 2;
/** Nothing may take longer than its deadlines and what a busy machine adds. */
const LONGEST = 10_000;

/** What an answer's payload is, which decides what is wrong with another one. */
type Kind =
  | 'ack'
  | 'features'
  | 'count'
  | 'status'
  | 'config'
  | 'log'
  | 'inflight'
  | 'base'
  | 'state'
  | 'own state'
  | 'check';

interface Answer {
  readonly id: number;
  readonly kind: Kind;
  readonly payload: Uint8Array;
  /** Which descriptor goes with it, if any. */
  readonly fd?: 'memory' | 'stream';
}

/** An answer as it goes over the wire. */
interface Sent {
  readonly id: number;
  readonly flags: number;
  readonly size: number;
  readonly payload: Uint8Array;
  readonly fds: readonly number[];
}

const ack = (id: number): Answer => ({ id, kind: 'ack', payload: u64(0) });
const features: Answer = { id: 1, kind: 'features', payload: u64(TRANSPORT_FEATURES) };
const status = (value: number): Answer => ({ id: 40, kind: 'status', payload: u64(value) });
const CONFIG = joined(ints(0, 60, 0), new Uint8Array(60).fill(3));
const INFLIGHT = joined(words(8192, 0), new Uint8Array(new Uint16Array([1, 8, 0, 0]).buffer));

function negotiation(protocolFeatures: bigint): readonly Answer[] {
  const has = (feature: bigint, answer: Answer) => ((protocolFeatures & feature) === 0n ? [] : [answer]);
  return [
    features,
    { id: 15, kind: 'features', payload: u64(protocolFeatures) },
    ...has(ProtocolFeature.MQ, { id: 17, kind: 'count', payload: u64(2) }),
    ...has(ProtocolFeature.CONFIGURE_MEM_SLOTS, { id: 36, kind: 'count', payload: u64(8) }),
    ...has(ProtocolFeature.BACKEND_REQ, ack(21)),
  ];
}

const ALL = FRONT_END_PROTOCOL_FEATURES & ~ProtocolFeature.GPA_ADDRESSES;
const MEMORY = [ack(37)];

/** Something that a front end does, what is answered to it, and what has to be done before. */
interface Operation {
  readonly name: string;
  readonly protocolFeatures?: bigint;
  /** Undefined for one that comes before all else. */
  readonly before?: readonly Answer[];
  readonly prepare?: (stage: Stage) => void;
  readonly act: (stage: Stage) => void;
  readonly exchange: readonly Answer[];
}

const shareMemory = ({ frontEnd, ram }: Stage) => frontEnd.shareMemory(ram);
const withRing = (stage: Stage) => {
  shareMemory(stage);
  const layout = SplitDriverQueue.layoutLength(8, 1);
  stage.frontEnd.addRing(
    new SplitDriverQueue(stage.ram, stage.ram.allocate(layout), { size: 8, perSlot: 1 }),
  );
};

const START: readonly Answer[] = [
  ack(2),
  ...[status(0), ack(39), status(8)],
  ...[ack(9), ack(14), ack(13), ack(12), ack(18)],
  ...[status(8), ack(39), status(15)],
  features,
];

const SAVING: Operation = {
  name: 'saving',
  before: [],
  act: ({ frontEnd }) => void frontEnd.saveState(() => undefined, { stall: DEADLINE }),
  exchange: [
    { id: 42, kind: 'own state', payload: u64(0), fd: 'stream' },
    { id: 43, kind: 'check', payload: u64(0) },
  ],
};

const OPERATIONS: readonly Operation[] = [
  { name: 'negotiating', act: ({ frontEnd }) => frontEnd.negotiate(), exchange: negotiation(ALL) },
  { name: 'sharing memory', before: [], act: shareMemory, exchange: MEMORY },
  {
    name: 'sharing memory as a table',
    protocolFeatures: ALL & ~ProtocolFeature.CONFIGURE_MEM_SLOTS,
    before: [],
    act: shareMemory,
    exchange: [ack(5)],
  },
  {
    name: 'taking memory back',
    before: MEMORY,
    prepare: shareMemory,
    act: ({ frontEnd, ram }) => frontEnd.removeMemory(ram),
    exchange: [ack(38)],
  },
  {
    name: 'starting',
    before: MEMORY,
    prepare: withRing,
    act: ({ frontEnd }) => frontEnd.start(),
    exchange: START,
  },
  {
    name: 'stopping',
    before: [...MEMORY, ...START],
    prepare: (stage) => {
      withRing(stage);
      stage.frontEnd.start();
    },
    act: ({ frontEnd }) => frontEnd.stop(),
    exchange: [ack(18), { id: 11, kind: 'base', payload: ints(0, 0) }],
  },
  {
    name: 'logging',
    before: MEMORY,
    prepare: shareMemory,
    act: ({ frontEnd }) => frontEnd.startLogging(),
    exchange: [{ id: 6, kind: 'log', payload: u64(0) }, ack(2)],
  },
  {
    name: 'reading the configuration',
    before: [],
    act: ({ frontEnd }) => void frontEnd.readConfig(0, 60),
    exchange: [{ id: 24, kind: 'config', payload: CONFIG }],
  },
  {
    name: 'writing the configuration',
    before: [],
    act: ({ frontEnd }) => frontEnd.writeConfig(32, new Uint8Array(1)),
    exchange: [ack(25)],
  },
  {
    name: 'reading the status',
    before: [],
    act: ({ frontEnd }) => void frontEnd.status,
    exchange: [status(0)],
  },
  {
    name: 'getting an inflight region',
    before: [],
    act: ({ frontEnd }) => frontEnd.getInflight({ queues: 1, queueSize: 8 })?.[Symbol.dispose](),
    exchange: [ack(2), { id: 31, kind: 'inflight', payload: INFLIGHT, fd: 'memory' }, ack(32)],
  },
  SAVING,
  {
    name: 'loading',
    before: [],
    act: ({ frontEnd }) => void frontEnd.loadState([]),
    exchange: [
      { id: 42, kind: 'state', payload: u64(0x100) },
      { id: 43, kind: 'check', payload: u64(0) },
    ],
  },
];

/** A way to answer wrongly, and the error it has to end in; undefined where the answer will do. */
interface Fault {
  readonly name: string;
  readonly mangle: (answer: Sent, stage: Stage) => Partial<Sent>;
  readonly code: (kind: Kind) => string | undefined;
  readonly timed?: boolean;
}

const BAD = 'ERR_BAD_REPLY';
/** No byte of a SET_LOG_BASE answer means anything. */
const unlessLog = (code: string) => (kind: Kind) => (kind === 'log' ? undefined : code);
const ONES: Readonly<Record<Kind, string | undefined>> = {
  ack: 'ERR_REFUSED',
  features: undefined,
  count: BAD,
  status: BAD,
  config: BAD,
  log: undefined,
  inflight: 'ERR_NUMBER_TOO_LARGE',
  base: BAD,
  state: 'ERR_REFUSED',
  'own state': BAD,
  check: 'ERR_STATE_REFUSED',
};
const takesFds = (kind: Kind) => kind === 'inflight' || kind === 'state' || kind === 'own state';

const FAULTS: readonly Fault[] = [
  { name: 'the number of another request', mangle: ({ id }) => ({ id: id + 1 }), code: () => BAD },
  { name: 'version 2', mangle: () => ({ flags: 6 }), code: () => BAD },
  { name: 'no REPLY bit', mangle: () => ({ flags: 1 }), code: () => BAD },
  { name: 'NEED_REPLY', mangle: () => ({ flags: 13 }), code: () => BAD },
  { name: 'a reserved flag', mangle: () => ({ flags: 0x8000_0005 }), code: () => BAD },
  { name: 'a size of 4 GiB', mangle: () => ({ size: 0xffff_ffff }), code: () => BAD },
  { name: 'a size of 5000 bytes', mangle: () => ({ size: 5000 }), code: () => BAD },
  {
    name: 'one byte less',
    mangle: ({ payload, size }) => ({ payload: payload.subarray(0, -1), size: size - 1 }),
    code: unlessLog(BAD),
  },
  {
    name: 'four bytes more',
    mangle: ({ payload, size }) => ({ payload: joined(payload, ints(0)), size: size + 4 }),
    code: unlessLog(BAD),
  },
  {
    name: 'no payload',
    mangle: () => ({ payload: new Uint8Array(0), size: 0 }),
    code: (kind) => (kind === 'config' ? 'ERR_REFUSED' : unlessLog(BAD)(kind)),
  },
  {
    name: 'ones',
    mangle: ({ payload }) => ({ payload: new Uint8Array(payload.length).fill(255) }),
    code: (kind) => ONES[kind],
  },
  {
    name: 'seven stray descriptors',
    mangle: ({ fds }, { stray }) => ({ fds: [...fds, ...Array(7).fill(stray.number)] }),
    code: (kind) => (takesFds(kind) ? BAD : undefined),
  },
  {
    name: 'more than eight descriptors',
    mangle: (_answer, { stray }) => ({ fds: Array(9).fill(stray.number) }),
    code: () => BAD,
  },
  {
    name: 'no descriptor',
    mangle: () => ({ fds: [] }),
    code: () => BAD,
  },
  {
    name: 'half of itself',
    mangle: ({ payload }) => ({ payload: payload.subarray(0, payload.length >> 1) }),
    code: () => 'ERR_DEADLINE',
    timed: true,
  },
];

/** A front end, what it works on, and the other end of its socket. */
class Stage implements Disposable {
  readonly frontEnd: FrontEnd;
  readonly far: Fd;
  readonly ram = new GuestRam(1 << 16);
  readonly stray = createEventfd('stray');
  readonly #memory = createMemfd('inflight', 8192);
  readonly #ended: Fd;

  constructor(deadline = DEADLINE) {
    const [near, far] = createSocketPair('front end');
    this.far = far;
    this.frontEnd = new FrontEnd(near, { deadline });
    const { read, write } = createPipe('state');
    write[Symbol.dispose]();
    this.#ended = read;
  }

  /** Bring the front end to where `operation` begins. */
  prepare({ before, prepare, protocolFeatures = ALL }: Operation): void {
    if (before === undefined) return;
    this.answer([...negotiation(protocolFeatures), ...before]);
    this.frontEnd.negotiate();
    prepare?.(this);
  }

  /** Answer what will be asked, the answer `at` with a fault. */
  answer(answers: readonly Answer[], at = -1, fault?: Fault): void {
    for (const [i, { id, payload, fd }] of answers.entries()) {
      const fds = fd === undefined ? [] : [(fd === 'memory' ? this.#memory : this.#ended).number];
      const right: Sent = { id, flags: 5, size: payload.length, payload, fds };
      const sent = i === at ? { ...right, ...fault?.mangle(right, this) } : right;
      sendMessage(this.far, joined(ints(sent.id, sent.flags, sent.size), sent.payload), sent.fds);
      // What follows half an answer would complete it
      if (i === at && fault?.timed) return;
    }
  }

  [Symbol.dispose](): void {
    for (const one of [this.frontEnd, this.far, this.ram, this.stray, this.#memory, this.#ended])
      one[Symbol.dispose]();
  }
}

/** A fault that shows only when the deadline has passed costs as much each time. */
function repetitions({ name, timed = false }: Fault, kind: Kind): number {
  const atStake = takesFds(kind) || kind === 'log' || name.endsWith('descriptors');
  return atStake && !timed ? REPETITIONS : FEW_REPETITIONS;
}

/** What `act` throws: `ERR_…`, undefined where it throws nothing. Whatever is no `FerryError` fails the test. */
function codeOf(act: () => void): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    if (error instanceof FerryError) return error.code;
    throw error;
  }
}

/** Run `once` many times, each within bounds, and make sure that nothing is left. */
function repeatedly(repetitions: number, once: () => void): void {
  const [held, open] = [liveResources().length, readdirSync('/proc/self/fd').length];
  for (let i = 0; i < repetitions; i++) {
    const begun = performance.now();
    once();
    assert.ok(performance.now() - begun < LONGEST, 'it took too long');
  }
  assert.equal(liveResources().length, held, 'something was not given back');
  assert.equal(readdirSync('/proc/self/fd').length, open, 'a descriptor was left open');
}

let hangUp: HangUp;
before(async () => {
  hangUp = new HangUp();
  await hangUp.begin();
});
after(() => hangUp[Symbol.asyncDispose]());

for (const operation of OPERATIONS)
  describe(operation.name, () => {
    test('does when all is answered well', () => {
      using stage = new Stage();
      stage.prepare(operation);
      stage.answer(operation.exchange);
      assert.equal(
        codeOf(() => operation.act(stage)),
        undefined,
      );
    });

    for (const [at, { id, kind, fd }] of operation.exchange.entries())
      for (const fault of FAULTS) {
        if (fault.name === 'no descriptor' && fd === undefined) continue;
        const code = fault.code(kind);
        test(`answer ${at + 1}, ${requestName(id)}, with ${fault.name}: ${code ?? 'it will do'}`, () => {
          repeatedly(repetitions(fault, kind), () => {
            using stage = new Stage();
            stage.prepare(operation);
            stage.answer(operation.exchange, at, fault);
            assert.equal(
              codeOf(() => operation.act(stage)),
              code,
            );
          });
        });
      }

    for (const [at, { id }] of operation.exchange.entries())
      test(`no answer ${at + 1}, ${requestName(id)}, but a hang-up: ERR_DISCONNECTED`, () => {
        repeatedly(FEW_REPETITIONS, () => {
          using stage = new Stage(LONGEST);
          stage.prepare(operation);
          stage.answer(operation.exchange.slice(0, at));
          const { protocolFeatures = ALL, before = [], exchange } = operation;
          const opening = operation.before === undefined ? [] : negotiation(protocolFeatures);
          const answered = [...opening, ...before, ...exchange.slice(0, at + 1)];
          hangUp.at(id, answered.filter((answer) => answer.id === id).length, stage.far);
          assert.equal(
            codeOf(() => operation.act(stage)),
            'ERR_DISCONNECTED',
          );
          hangUp.done();
        });
      });
  });

for (const via of ['pipe', 'socketpair'] as const)
  test(`a state that goes over a ${via} of ours ends when the back end has closed its end`, () => {
    repeatedly(FEW_REPETITIONS, () => {
      using stage = new Stage(LONGEST);
      stage.prepare(SAVING);
      stage.answer([{ id: 42, kind: 'state', payload: u64(0x100) }]);
      hangUp.at(42, 1, stage.far);
      const save = () => void stage.frontEnd.saveState(() => undefined, { via, stall: 2_000 });
      assert.equal(codeOf(save), 'ERR_DISCONNECTED');
      hangUp.done();
    });
  });
