/** A guest moves between real QEMUs and Ferry processes with everything that it has open, and never sees an error. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { choosePeer } from '../../src/launch/index.ts';
import { bootGuest, type FerryProcess, launchFerry, moveGuest, testPeers } from '../guest/index.ts';
import { Belongings, Churn, complaints, type Look, Workplace } from './kept/index.ts';

interface Journey {
  /** QEMU's versions, one for each machine. */
  readonly qemu: readonly [string, ...string[]];
  readonly kernel: '6.12' | 'newest';
  readonly locks: 'guest' | 'device';
  /** Ferry processes, fewer than machines where the guest comes back to one that it was at. */
  readonly ferries?: number;
}

/** Each kernel with locks at each place, and every pair of QEMUs. */
const PAIRWISE: readonly Journey[] = [
  { qemu: ['10.0', '10.0'], kernel: 'newest', locks: 'device' },
  { qemu: ['11.1', '11.1'], kernel: '6.12', locks: 'guest' },
  { qemu: ['10.0', '11.1', '10.0'], kernel: '6.12', locks: 'device' },
  { qemu: ['10.0', '11.1', '10.0', '11.1'], kernel: 'newest', locks: 'guest', ferries: 2 },
];

const MIB = 1 << 20;
/** 200 MB in four files. */
const FILES = 4;
const LENGTH = 50 * MIB;

describe('a guest and its open files', () => {
  for (const journey of process.env.FERRY_TEST_FULL === '1' ? allJourneys() : PAIRWISE) {
    const { qemu, kernel, locks, ferries } = journey;
    const back = ferries === undefined ? '' : `, with ${ferries} Ferry processes`;
    it(`go from QEMU ${qemu.join(' to ')} with Linux ${kernel}, locks in the ${locks}${back}`, (test) =>
      travel(journey, test));
  }
});

function allJourneys(): Journey[] {
  const paths: Pick<Journey, 'qemu' | 'ferries'>[] = [
    { qemu: ['10.0', '10.0'] },
    { qemu: ['11.1', '11.1'] },
    { qemu: ['10.0', '11.1', '10.0'] },
    { qemu: ['10.0', '11.1', '10.0', '11.1'], ferries: 2 },
  ];
  return paths.flatMap((path) =>
    (['6.12', 'newest'] as const).flatMap((kernel) =>
      (['guest', 'device'] as const).map((locks) => ({ ...path, kernel, locks })),
    ),
  );
}

async function travel({ qemu, kernel, locks, ferries }: Journey, test: TestContext): Promise<void> {
  const peers = await testPeers();
  const version = (wanted: string) => choosePeer(peers, 'qemu-system-x86_64', { version: wanted });
  const [first, ...others] = qemu;
  await using stack = new AsyncDisposableStack();
  const processes: FerryProcess[] = [];
  for (let i = 0; i < (ferries ?? qemu.length); i++)
    processes.push(stack.use(await launchFerry({ further: ['--locks', locks] })));
  const guest = stack.use(
    await bootGuest({
      qemu: version(first),
      fs: [processes[0]!.fs],
      ...(kernel !== 'newest' && { kernel }),
      test,
    }),
  );
  const { agent } = guest;
  await agent.call('mount', ['virtiofs', 'ferry', '/mnt']);
  const place = new Workplace(agent, '/mnt/kept');
  const kept = await Belongings.make(place, { '200 MB of contents': contents });
  const churn = await Churn.begin(agent, '/mnt/churn');

  for (const [i, next] of others.entries()) {
    const move = i + 1;
    const verdict = await moveGuest(guest, version(next), processes[move % processes.length]!);
    test.diagnostic(
      `${qemu[i]} to ${next}: pause ${verdict.downtimeMs?.toFixed(0)} ms, total ${verdict.totalMs.toFixed(0)} ms`,
    );
    await churn.goesOn();
    await kept.look(test);
    await churn.goesOn();
  }
  await churn.end();
  assert.deepEqual(await complaints(place), []);
  assert.equal(agent.hellos.length, 1);
}

/** Too much for the guest to have it all in its own cache. */
async function contents(place: Workplace): Promise<Look> {
  const files = await Promise.all(Array.from({ length: FILES }, (_, i) => place.open(`contents ${i}`)));
  for (const [i, file] of files.entries()) await file.fill(LENGTH, i);
  return async () => {
    for (const [i, file] of files.entries()) await file.isFilled(LENGTH, i);
  };
}
