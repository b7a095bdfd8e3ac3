/**
 * A machine moves between two processes, and something goes wrong on the way: a process is killed or stands still, a connection is
 * cut, silent or tampered with, somebody cancels, in every phase. Each end comes to the stated outcome in time, the machine runs
 * where that says, with all of its memory and disks as it left them, and never twice; nothing is left behind.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { SendOptions } from '../../../src/engine/transfer/index.ts';
import { chosenCases } from './fault/choose.ts';
import { play } from './fault/play.ts';
import { CASES } from './fault/table.ts';
import { FaultWorld } from './fault/world.ts';

const LIMIT = { timeout: 120_000 };

/** Ways to send, which take turns. */
const WAYS: readonly Partial<SendOptions>[] = [
  { channels: 2 },
  { channels: 3, method: 'zstd' },
  { channels: 1, method: 'zlib' },
  { channels: 2, deviceMethod: 'zstd' },
];

let world: FaultWorld;

before(() => {
  world = new FaultWorld();
});

after(() => world[Symbol.asyncDispose]());

/** Something may be anywhere after a failure: the next one begins with other processes. */
async function orStartOver(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    await world.startOver();
    throw error;
  }
}

describe('a transfer with a fault', () => {
  const cases = process.env.FERRY_TEST_FULL === '1' ? CASES : chosenCases();
  for (const [index, one] of cases.entries()) {
    const { source, destination, machine } = one.expected;
    const end = `${source} / ${destination}, the machine: ${machine}`;
    test(`${one.phase}: ${one.fault}: ${end}`, LIMIT, (t) =>
      orStartOver(async () => {
        const verdict = await play(world, one, WAYS[index % WAYS.length]);
        t.diagnostic(verdict.source?.why ?? verdict.destination?.why ?? 'nothing to say');
      }),
    );
  }
});

const COMPLETED = { source: 'completed', destination: 'completed', machine: 'destination' } as const;
const FAILED = { source: 'failed', destination: 'failed', machine: 'source' } as const;
const PLAIN = { checksum: false } as const;

describe('without checksums', () => {
  for (const [fault, expected] of [
    ['a bit is flipped in a head', COMPLETED],
    ['a bit is flipped in a header of pages', COMPLETED],
    // It has checksums of its own
    ['a bit is flipped in device state', FAILED],
  ] as const)
    test(`${fault} is noticed all the same`, LIMIT, () =>
      orStartOver(async () => {
        await play(world, { phase: 'switchover', fault, expected }, PLAIN);
      }),
    );
});

describe('a guest that writes over nothing before it has looked at everything', () => {
  let idle: FaultWorld;

  before(() => {
    idle = new FaultWorld({ dirtyRate: 1 << 16 });
  });

  after(() => idle[Symbol.asyncDispose]());

  for (const fault of ['a channel is cut', 'a bit is flipped in a page that is cold'] as const)
    test(`with checksums, ${fault}, and it has all of its memory`, LIMIT, async () => {
      await play(idle, { phase: 'pass 1', fault, expected: COMPLETED });
    });

  test('without checksums, a bit that is flipped in a page is found by nobody else', LIMIT, async () => {
    const fault = 'a bit is flipped in a page that is cold';
    const flipped = { phase: 'pass 1', fault, expected: COMPLETED } as const;
    await assert.rejects(play(idle, flipped, PLAIN), /finds what it did not write/);
    await idle.startOver();
  });
});
