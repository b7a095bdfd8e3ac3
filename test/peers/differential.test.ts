/** The same random operations on the guest's own tmpfs and on Ferry's files, while the guest moves from QEMU to QEMU. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type CommandResult, choosePeer, type GuestAgent } from '../../src/launch/index.ts';
import { bootGuest, type FerryProcess, launchFerry, moveGuest, testPeers } from '../guest/index.ts';

interface Journey {
  /** QEMU's versions, one for each machine. */
  readonly qemu: readonly [string, ...string[]];
  readonly kernel: '6.12' | 'newest';
  readonly locks: 'guest' | 'device';
}

const full = process.env.FERRY_TEST_FULL === '1';
const THERE_AND_BACK = ['10.0', '11.1', '10.0'] as const;
const THE_OTHER_WAY = ['11.1', '10.0', '11.1'] as const;

const PAIRWISE: readonly Journey[] = [
  { qemu: THERE_AND_BACK, kernel: '6.12', locks: 'guest' },
  { qemu: THERE_AND_BACK, kernel: 'newest', locks: 'device' },
  { qemu: THE_OTHER_WAY, kernel: '6.12', locks: 'device' },
  { qemu: THE_OTHER_WAY, kernel: 'newest', locks: 'guest' },
];

const ALL: readonly Journey[] = [THERE_AND_BACK, THE_OTHER_WAY].flatMap((qemu) =>
  (['6.12', 'newest'] as const).flatMap((kernel) =>
    (['guest', 'device'] as const).map((locks) => ({ qemu, kernel, locks })),
  ),
);

/** The first one found set-id bits that a change by root took away; the last one is nobody's yet. */
const SEEDS = [1, 2, Date.now() % 1_000_000_007];
/** Operations of each run between two moves. */
const OPERATIONS = full ? 5000 : 800;
/** In the guest: each run is a process of its own. */
const FIRST_ACTOR = 2;

describe('random operations, compared with tmpfs', () => {
  for (const journey of full ? ALL : PAIRWISE) {
    const { qemu, kernel, locks } = journey;
    it(`are the same from QEMU ${qemu.join(' to ')} with Linux ${kernel}, locks in the ${locks}`, (test) =>
      compare(journey, test));
  }
});

async function compare({ qemu, kernel, locks }: Journey, test: TestContext): Promise<void> {
  const peers = await testPeers();
  const version = (wanted: string) => choosePeer(peers, 'qemu-system-x86_64', { version: wanted });
  const [first, ...others] = qemu;
  await using stack = new AsyncDisposableStack();
  const launch = async (): Promise<FerryProcess> =>
    stack.use(await launchFerry({ memory: '64M', further: ['--locks', locks] }));
  const ferry = await launch();
  const guest = stack.use(
    await bootGuest({ qemu: version(first), fs: [ferry.fs], ...(kernel !== 'newest' && { kernel }), test }),
  );
  const { agent } = guest;
  await agent.call('mount', ['virtiofs', 'ferry', '/mnt']);
  const runs: Run[] = [];
  for (const [i, seed] of SEEDS.entries()) {
    test.diagnostic(`seed ${seed}`);
    runs.push(await Run.begin(agent, FIRST_ACTOR + i, seed));
  }
  await Promise.all(runs.map((run) => run.goesOn(OPERATIONS)));
  for (const [i, next] of others.entries()) {
    const verdict = await moveGuest(guest, version(next), await launch());
    test.diagnostic(`${qemu[i]} to ${next}: pause ${verdict.downtimeMs?.toFixed(0)} ms`);
    await Promise.all(runs.map((run) => run.goesOn(OPERATIONS)));
  }
  for (const run of runs) await run.end(test);
  assert.equal(agent.hellos.length, 1);
}

/** One seed's operations, in two directories of their own. */
class Run {
  readonly #agent: GuestAgent;
  readonly #actor: number;
  readonly #seed: number;
  readonly #ended: Promise<CommandResult<'differ'>>;

  private constructor(agent: GuestAgent, actor: number, seed: number) {
    this.#agent = agent;
    this.#actor = actor;
    this.#seed = seed;
    const options = { actor, deadline: 30 * 60_000 };
    this.#ended = agent.call('differ', [`/ram/there${actor}`, `/mnt/here${actor}`, seed, 1e9], options);
    this.#ended.catch(() => undefined); // Whoever waits for it sees it
  }

  static async begin(agent: GuestAgent, actor: number, seed: number): Promise<Run> {
    await agent.call('mkdir', [`/ram/there${actor}`]);
    await agent.call('mkdir', [`/mnt/here${actor}`]);
    return new Run(agent, actor, seed);
  }

  /** Waits for so many operations more, or for a difference. */
  async goesOn(operations: number): Promise<void> {
    const start = await this.#count();
    const different = this.#ended.then(() => true);
    while ((await this.#count()) < start + operations) {
      if (await Promise.race([different, this.#agent.ping().then(() => false)])) return this.#check();
    }
  }

  async end(test: TestContext): Promise<void> {
    await this.#agent.interrupt(this.#actor);
    await this.#check();
    test.diagnostic(`seed ${this.#seed}: ${(await this.#ended).operations} operations`);
    await this.#agent.end(this.#actor);
  }

  async #check(): Promise<void> {
    const { verdict, step, difference, history } = await this.#ended;
    assert.equal(verdict, 'same', `seed ${this.#seed}, step ${step}: ${difference}\n${history.join('\n')}`);
  }

  async #count(): Promise<number> {
    return (await this.#agent.progress(this.#actor)).operations;
  }
}
