/**
 * The state of a file system damaged on its way between two processes, everywhere it can be: the destination says what it
 * found, and the guest goes on at the source as if nothing had been tried.
 */
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { after, before, test } from 'node:test';
import { Sections } from '../../src/devices/fs/state/sections.ts';
import { FuseSession } from '../../src/machine/index.ts';
import { type FerryProcess, launchFerry } from '../guest/index.ts';
import { RawFrontEnd } from '../support/device/raw-front-end.ts';
import { FewFiles } from '../support/few-files.ts';
import { framesOf, rewritten } from '../support/state-frames.ts';

const FAILED = /load failed after \d+ bytes in [\d.]+ ms: (.*)$/;
/** The place in the stream, and what is wrong there. */
const NAMED = /^(opening|record \d+|closing|end)( at byte \d+)?: .{10}/;

/** What a destination says about the states that it refuses. */
class Refusals extends EventEmitter {
  readonly reasons: string[] = [];

  readonly onLine = (line: string): void => {
    const reason = FAILED.exec(line)?.[1];
    if (reason === undefined) return;
    this.reasons.push(reason);
    this.emit('reason');
  };

  /** The reasons for `count` refusals, once all have been said. */
  async take(count: number): Promise<string[]> {
    while (this.reasons.length < count) await once(this, 'reason', { signal: AbortSignal.timeout(20_000) });
    return this.reasons.splice(0);
  }
}

const refusals = new Refusals();
const guest = new FuseSession();
let source: FerryProcess;
let destination: FerryProcess;
let files: FewFiles;

before(async () => {
  source = await launchFerry({ memory: '16M' });
  destination = await launchFerry({ memory: '16M', onLine: refusals.onLine });
  guest.adopt(guest.prepareBackEnd(source.socket));
  guest.start();
  files = new FewFiles(guest);
});

after(async () => {
  guest[Symbol.dispose]();
  await source[Symbol.asyncDispose]();
  await destination[Symbol.asyncDispose]();
});

/** The state as it is saved now; the guest stands still until `guest.start()`. */
function save(): Uint8Array {
  guest.stop();
  const pieces: Uint8Array[] = [];
  guest.frontEnd.saveState((piece) => pieces.push(piece.slice()));
  return new Uint8Array(Buffer.concat(pieces));
}

/** Try every one of `damage`'s states at the destination, then let the guest go on at the source. */
function refused(
  name: string,
  damage: (state: Uint8Array) => Iterable<readonly [what: string, state: Uint8Array]>,
  expected: RegExp = NAMED,
): void {
  test(name, async (t) => {
    const tried: string[] = [];
    using front = new RawFrontEnd(destination.socket);
    for (const [what, state] of damage(save())) {
      assert.equal(front.load(state), 1n, `${what} was taken`);
      tried.push(what);
    }
    guest.start();
    files.goOn();
    const reasons = await refusals.take(tried.length);
    assert.equal(reasons.length, tried.length);
    for (const [index, reason] of reasons.entries())
      assert.match(reason, expected, `${tried[index]}: ${reason}`);
    t.diagnostic(
      `${tried.length} states, refused for ${new Set(reasons).size} reasons, such as: ${reasons[0]}`,
    );
    const { lifecycle, lastTransfer } = await destination.status();
    assert.equal(lifecycle, 'stop');
    assert.deepEqual([lastTransfer?.direction, lastTransfer?.outcome], ['load', 'failed']);
    assert.equal(lastTransfer?.reason, reasons.at(-1));
  });
}

refused('cut at any byte', function* (state) {
  for (let length = 0; length < state.length; length++)
    yield [`${length} of ${state.length} bytes`, state.subarray(0, length)];
});

refused('a bit flipped in any byte, any bit in the bytes between records', function* (state) {
  const copy = state.slice();
  const flip = function* (at: number, bit: number) {
    copy[at]! ^= 1 << bit;
    yield [`bit ${bit} of byte ${at}`, copy] as const;
    copy[at]! ^= 1 << bit;
  };
  for (let at = 0; at < copy.length; at++) yield* flip(at, at % 8);
  for (const { start, end } of framesOf(state))
    for (const at of [start, start + 4, start + 8, start + 12, start + 16, start + 20, start + 24, end - 1])
      for (let bit = 0; bit < 8; bit++) yield* flip(at, bit);
});

refused('a byte more, behind any frame or in the middle of it', function* (state) {
  for (const { start, end } of framesOf(state))
    for (const at of [start, start + 1, start + 63, Math.floor((start + end) / 2), end - 1, end])
      for (const value of [0, 0x46, 0xff])
        yield [
          `byte ${value} at ${at}`,
          new Uint8Array(Buffer.concat([state.subarray(0, at), Buffer.of(value), state.subarray(at)])),
        ];
});

refused('a byte less', function* (state) {
  for (let at = 0; at < state.length; at += 3)
    yield [
      `without byte ${at}`,
      new Uint8Array(Buffer.concat([state.subarray(0, at), state.subarray(at + 1)])),
    ];
});

refused('frames lost, twice or in another order', function* (state) {
  const frames = framesOf(state).map(({ start, end }) => state.subarray(start, end));
  const joined = (parts: readonly Uint8Array[]) => new Uint8Array(Buffer.concat(parts));
  for (const [index, frame] of frames.entries()) {
    yield [`without frame ${index}`, joined(frames.toSpliced(index, 1))];
    yield [`frame ${index} twice`, joined(frames.toSpliced(index, 0, frame))];
    if (index > 0)
      yield [`frame ${index} early`, joined(frames.toSpliced(index - 1, 2, frame, frames[index - 1]!))];
  }
});

refused(
  'a section that has to be known and is not, at any place',
  function* (state) {
    const section = { name: 'from-the-future', version: 1, required: true };
    for (let at = 0; at <= framesOf(state).length - 2; at++)
      yield [
        `before record ${at}`,
        rewritten(state, (records) => records.toSpliced(at, 0, { section, payload: Buffer.from('?') })),
      ];
  },
  /^record \d+ at byte \d+: section from-the-future is required and unknown here$/,
);

refused(
  'a whole section left out, in a stream that is right in itself',
  function* (state) {
    // `negotiated` is not there before a guest's FUSE_INIT, and `ferry.queue` not before its driver
    for (const { name } of Object.values(Sections).filter((one) => one !== Sections.negotiated))
      yield [
        `without ${name}`,
        rewritten(state, (records) => records.filter(({ section }) => section.name !== name)),
      ];
  },
  /^(totals|inodes|entries|xattrs|contents|handles|locks)[^:]*: .{10}/,
);

test('an unknown section that may be skipped is; after all that, a good state is taken and the guest goes on there', () => {
  const section = { name: 'from-the-future', version: 1, required: false };
  const state = rewritten(save(), (records) =>
    records.flatMap((record) => [record, { section, payload: Buffer.from('!') }]),
  );
  const there = guest.prepareBackEnd(destination.socket);
  there.loadState([state]);
  guest.adopt(there);
  guest.start();
  files.goOn();
});

test('the planted fault: an older state, good in itself, is seen by the guest', () => {
  const older = save();
  guest.start();
  files.goOn();
  guest.stop();
  const there = guest.prepareBackEnd(source.socket);
  there.loadState([older]);
  guest.adopt(there);
  guest.start();
  assert.throws(() => files.goOn(), assert.AssertionError);
});

const BULK = 32 << 20;
const BRIEF = { stall: 300 };

/** A guest with more state than fits into any pipe, and a destination, in processes of their own. */
async function large() {
  await using stack = new AsyncDisposableStack();
  const here = stack.use(await launchFerry({ memory: '64M' }));
  const there = stack.use(await launchFerry({ memory: '64M' }));
  const session = stack.use(new FuseSession());
  session.adopt(session.prepareBackEnd(here.socket));
  session.start();
  const held = new FewFiles(session, BULK);
  const owned = stack.move();
  return { here, there, session, held, [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose]() };
}

test('the source stands still while it saves: the deadline ends that, and once it moves again the guest goes on', async () => {
  await using world = await large();
  const { here, session, held } = world;
  session.stop();
  let pieces = 0;
  assert.throws(
    () =>
      session.frontEnd.saveState(() => {
        if (++pieces === 3) here.process.kill('SIGSTOP');
      }, BRIEF),
    { code: 'ERR_DEADLINE' },
  );
  here.process.kill('SIGCONT');
  session.start();
  held.goOn();
  assert.equal((await here.status()).lastTransfer?.outcome, 'failed');
});

test('the destination stands still while it loads: the deadline ends that, and the guest goes on at the source', async () => {
  await using world = await large();
  const { there, session, held } = world;
  session.stop();
  const state: Uint8Array[] = [];
  session.frontEnd.saveState((piece) => state.push(piece.slice()));
  {
    using target = session.prepareBackEnd(there.socket);
    const stopping = function* () {
      for (const [index, piece] of state.entries()) {
        if (index === 3) there.process.kill('SIGSTOP');
        yield piece;
      }
    };
    assert.throws(() => target.loadState(stopping(), BRIEF), { code: 'ERR_DEADLINE' });
    session.start();
    held.goOn();
  }
  there.process.kill('SIGCONT');
  let lastTransfer = (await there.status()).lastTransfer;
  while (lastTransfer?.outcome === 'running') lastTransfer = (await there.status()).lastTransfer;
  assert.equal(lastTransfer?.outcome, 'failed');
  assert.match(lastTransfer?.reason ?? '', /the stream ends after|disconnected/);
  held.goOn();
});

for (const [when, at] of [
  ['before', 0],
  ['in the middle of', 3],
] as const)
  test(`the destination killed ${when} its load: that is said at once, and the guest goes on at the source`, async () => {
    await using world = await large();
    const { there, session, held } = world;
    session.stop();
    const state: Uint8Array[] = [];
    session.frontEnd.saveState((piece) => state.push(piece.slice()));
    using target = session.prepareBackEnd(there.socket);
    const killing = function* () {
      for (const [index, piece] of state.entries()) {
        if (index === at) there.process.kill('SIGKILL');
        yield piece;
      }
    };
    assert.throws(() => target.loadState(killing()), /EPIPE|hung up/);
    session.start();
    held.goOn();
  });

test('the source killed while it saves: what came of its state is no state', async () => {
  await using world = await large();
  const { here, there, session } = world;
  session.stop();
  const state: Uint8Array[] = [];
  assert.throws(
    () =>
      session.frontEnd.saveState((piece) => {
        state.push(piece.slice());
        if (state.length === 3) here.process.kill('SIGKILL');
      }),
    { code: 'ERR_DISCONNECTED' },
  );
  using target = session.prepareBackEnd(there.socket);
  assert.throws(() => target.loadState(state), { code: 'ERR_STATE_REFUSED' });
  const { lastTransfer } = await there.status();
  assert.match(lastTransfer?.reason ?? '', /the stream ends after/);
});
