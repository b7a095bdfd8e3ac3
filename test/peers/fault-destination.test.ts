/**
 * A move that fails at the destination or on the way, at every stage: the guest goes on at the source without an error, and
 * at no time are there two of it.
 */
import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import type { Verdict } from '../../src/migrate/index.ts';
import { deviceState } from '../guest/index.ts';
import { type FramePlace, framesOf, rewritten } from '../support/state-frames.ts';
import { STAGES } from './fault/stages.ts';
import { type Attempt, type AttemptOptions, FaultWorld, LIMIT } from './fault/world.ts';

let world: FaultWorld;

before(async () => {
  world = await FaultWorld.start('11.1');
});

after(async () => {
  await world.churn.end();
  await world[Symbol.asyncDispose]();
});

/** The attempt fails, and the guest goes on at the source. */
function rollsBack(
  name: string,
  options: AttemptOptions,
  judge: (verdict: Verdict, attempt: Attempt) => Promise<void> = async () => undefined,
): void {
  test(name, LIMIT, (t) =>
    world.attempt(options, async (verdict, attempt) => {
      t.diagnostic(`${verdict.outcome} (${verdict.code}) after ${verdict.totalMs} ms: ${verdict.why}`);
      assert.equal(verdict.outcome, 'rolled-back', verdict.why);
      assert.equal(verdict.guestAt, 'source');
      await world.isAtSource(attempt);
      await judge(verdict, attempt);
    }),
  );
}

for (const [stage, options] of Object.entries(STAGES)) {
  rollsBack(
    `the destination’s QEMU killed ${stage}`,
    options(({ there }) => {
      there.machine.process.kill('SIGKILL');
      return there.machine.process.exited;
    }),
  );
  rollsBack(
    `the destination’s device killed ${stage}`,
    options(({ there }) => {
      there.ferry.process.kill('SIGKILL');
      return there.ferry.process.exited;
    }),
  );
  rollsBack(
    `the connection cut ${stage}`,
    options(({ relay }) => relay.cut()),
  );
}

/** A whole state, changed at once, in pieces as QEMU makes them. */
function changed(change: (state: Buffer) => Uint8Array): AttemptOptions {
  return {
    taps: () => ({
      forward: deviceState(async function* (pieces) {
        const state = change(await buffer(pieces));
        for (let at = 0; at < state.length; at += PIECE) yield Buffer.from(state.subarray(at, at + PIECE));
      }),
    }),
  };
}

const PIECE = 65_536;

/** The frame in the middle of a state. */
function middle(state: Uint8Array): FramePlace {
  const frames = framesOf(state);
  return frames[frames.length >> 1]!;
}

const CHANGES: Readonly<Record<string, readonly [(state: Buffer) => Uint8Array, reason: RegExp]>> = {
  'with one bit flipped': [
    (state) => {
      const { start, end } = middle(state);
      state[(start + end) >> 1]! ^= 4;
      return state;
    },
    /record \d+ at byte \d+: the checksum does not match the contents/,
  ],
  'cut at the end of a frame': [
    (state) => state.subarray(0, middle(state).end),
    /record \d+ at byte \d+: the stream ends after 0 of 64 bytes/,
  ],
  'cut in the middle of a frame': [
    (state) => state.subarray(0, middle(state).start + 70),
    /record \d+ at byte \d+: the stream ends after \d+ of \d+ bytes/,
  ],
  'cut down to nothing': [() => Buffer.alloc(0), /record 0 at byte 0: the stream ends after 0 of 64 bytes/],
  'without its last byte': [
    (state) => state.subarray(0, -1),
    /record \d+ at byte \d+: the stream ends after 99 of 100 bytes/,
  ],
  'with one byte more at the end': [
    (state) => Buffer.concat([state, Buffer.alloc(1)]),
    /end at byte \d+: bytes follow the closing/,
  ],
  'with one byte more in the middle': [
    (state) => {
      const { start } = middle(state);
      return Buffer.concat([state.subarray(0, start), Buffer.of(0), state.subarray(start)]);
    },
    /record \d+ at byte \d+: magic/,
  ],
  'with a section that has to be known and is not': [
    (state) =>
      rewritten(state, (records) => [
        ...records,
        { section: { name: 'from-the-future', version: 1, required: true }, payload: Buffer.alloc(8) },
      ]),
    /record \d+ at byte \d+: section from-the-future is required and unknown here/,
  ],
};

/** Destinations that take turns; the state goes to a device through QEMU's pipe, or one of its own. */
const DESTINATIONS = [{ to: '11.1' }, { to: '10.0', ferry: { further: ['--state-channel', 'own'] } }];

for (const [index, [what, [change, reason]]] of Object.entries(CHANGES).entries())
  rollsBack(
    `the state arrives ${what}`,
    { ...changed(change), ...DESTINATIONS[index % DESTINATIONS.length] },
    async (verdict, { there }) => {
      assert.match(verdict.why, reason);
      const { lastTransfer } = await there.ferry.status();
      assert.equal(lastTransfer?.outcome, 'failed');
      assert.match(lastTransfer?.reason ?? '', reason);
    },
  );
