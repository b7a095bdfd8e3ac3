/** The same random operations on the guest's own tmpfs and on Ferry's files, while the guest moves from QEMU to QEMU. */
import assert from 'node:assert/strict';
import { existsSync, constants as files } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { type CommandResult, choosePeer, type GuestAgent, GuestError } from '../../src/launch/index.ts';
import { bootGuest, type FerryProcess, launchFerry, moveGuest, testPeers } from '../guest/index.ts';
import { until } from './kept/workplace.ts';

interface Journey {
  /** QEMU's versions, one for each machine. */
  readonly qemu: readonly [string, ...string[]];
  readonly kernel: '6.12' | 'newest';
  readonly locks: 'guest' | 'device';
  /** What the device keeps files in. */
  readonly backing: 'memory' | 'directory';
}

const full = process.env.FERRY_TEST_FULL === '1';
const THERE_AND_BACK = ['10.0', '11.1', '10.0'] as const;
const ONE_WAY = ['11.1', '10.0'] as const;
const THE_OTHER_WAY = ['11.1', '10.0', '11.1'] as const;

/** A newer kernel than the host's does what its tmpfs can and the host's file systems cannot. */
const PAIRWISE: readonly Journey[] = [
  { qemu: THERE_AND_BACK, kernel: 'newest', locks: 'device', backing: 'memory' },
  { qemu: THE_OTHER_WAY, kernel: '6.12', locks: 'guest', backing: 'memory' },
  { qemu: ONE_WAY, kernel: '6.12', locks: 'device', backing: 'directory' },
];

const ALL: readonly Journey[] = [THERE_AND_BACK, THE_OTHER_WAY].flatMap((qemu) =>
  (['6.12', 'newest'] as const).flatMap((kernel) =>
    (['guest', 'device'] as const).flatMap((locks) =>
      (['memory', 'directory'] as const).map((backing) => ({ qemu, kernel, locks, backing })),
    ),
  ),
);

/** Two that have found something in their day, and one that nobody has seen. */
const SEEDS = [3, 502, Date.now() % 1_000_000_007];
/** Operations of each run between two moves. */
const OPERATIONS = full ? 5000 : 800;
/** Milliseconds: who asks all the time takes the guest's only processor away from the work. */
const ASK_AGAIN = 100;
/** In the guest: each run is a process of its own. */
const FIRST_ACTOR = 2;

describe('random operations, compared with tmpfs', () => {
  for (const journey of full ? ALL : PAIRWISE) {
    const { qemu, kernel, locks, backing } = journey;
    it(`are the same in ${backing === 'memory' ? 'memory' : 'a directory'} from QEMU ${qemu.join(' to ')} with Linux ${kernel}, locks in the ${locks}`, (test) =>
      compare(journey, test));
  }
});

async function compare({ qemu, kernel, locks, backing }: Journey, test: TestContext): Promise<void> {
  const peers = await testPeers();
  const version = (wanted: string) => choosePeer(peers, 'qemu-system-x86_64', { version: wanted });
  const [first, ...others] = qemu;
  await using stack = new AsyncDisposableStack();
  const directory = backing === 'directory' ? await sharedFolder(stack) : undefined;
  const launch = async (): Promise<FerryProcess> =>
    stack.use(
      await launchFerry({
        memory: '64M',
        ...(directory !== undefined && { directory }),
        further: ['--locks', locks],
      }),
    );
  const ferry = await launch();
  const guest = stack.use(
    await bootGuest({ qemu: version(first), fs: [ferry.fs], ...(kernel !== 'newest' && { kernel }), test }),
  );
  const { agent } = guest;
  await agent.call('mount', ['virtiofs', 'ferry', '/mnt']);
  const runs: Run[] = [];
  for (const [i, seed] of SEEDS.entries()) {
    test.diagnostic(`seed ${seed}`);
    runs.push(await Run.begin(agent, FIRST_ACTOR + i, seed, backing));
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

/** A folder of this machine, in a tmpfs as well. */
async function sharedFolder(stack: AsyncDisposableStack): Promise<string> {
  const folder = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'ferry-differ-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  // The guest's users are to come in as well
  await chmod(folder, 0o755);
  return folder;
}

/** One seed's operations, in two directories of their own. */
class Run {
  readonly #agent: GuestAgent;
  readonly #actor: number;
  readonly #seed: number;
  readonly #ended: Promise<CommandResult<'differ'>>;

  private constructor(agent: GuestAgent, actor: number, seed: number, backing: Journey['backing']) {
    this.#agent = agent;
    this.#actor = actor;
    this.#seed = seed;
    const options = { actor, deadline: 30 * 60_000 };
    // The host takes file capabilities away whenever a file is written to, also for what was written to a mapping
    const without = backing === 'directory' ? 1 : 0;
    const words = [`/ram/there${actor}`, `/mnt/here${actor}`, seed, 1e9, without] as const;
    this.#ended = agent.call('differ', [...words], options);
    this.#ended.catch(() => undefined); // Whoever waits for it sees it
  }

  static async begin(
    agent: GuestAgent,
    actor: number,
    seed: number,
    backing: Journey['backing'],
  ): Promise<Run> {
    await agent.call('mkdir', [`/ram/there${actor}`]);
    await agent.call('mkdir', [`/mnt/here${actor}`]);
    return new Run(agent, actor, seed, backing);
  }

  /** Waits for so many operations more, or for a difference. */
  async goesOn(operations: number): Promise<void> {
    const start = await this.#count();
    const different = this.#ended.then(() => true);
    while ((await this.#count()) < start + operations) {
      if (await Promise.race([different, setTimeout(ASK_AGAIN, false)])) return this.#check();
    }
  }

  async end(test: TestContext): Promise<void> {
    await this.#agent.interrupt(this.#actor);
    await this.#check();
    const { operations, succeeded } = await this.#ended;
    test.diagnostic(`seed ${this.#seed}: ${operations} operations, ${succeeded} of them without an error`);
    assert.ok(succeeded > operations / 10, `${succeeded} of ${operations} operations without an error`);
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

const MIB = 1 << 20;
const PAGE = 4096;
const { O_CREAT, O_RDWR } = files;
const KEEP_SIZE_AND_PUNCH = 3;

describe('a full file system', () => {
  it('refuses what tmpfs refuses when it is full, and when it has moved', async (test) => {
    const qemu = choosePeer(await testPeers(), 'qemu-system-x86_64', { version: '11.1' });
    await using ferry = await launchFerry({ memory: '8M' });
    await using guest = await bootGuest({ qemu, fs: [ferry.fs], test });
    const { agent } = guest;
    await agent.call('mkdir', ['/ram/small']);
    await agent.call('mount', ['tmpfs', 'none', '/ram/small', 'size=8M']);
    await agent.call('mount', ['virtiofs', 'ferry', '/mnt']);
    const there = new SmallFolder(agent, '/ram/small', 1);
    const here = new SmallFolder(agent, '/mnt', 2);
    assert.deepEqual(await here.fill(), await there.fill());
    const refused = await there.atTheLimit();
    assert.equal(refused[0], 'ENOSPC');
    assert.deepEqual(await here.atTheLimit(), refused);
    await using next = await launchFerry({ memory: '8M' });
    await moveGuest(guest, qemu, next);
    assert.deepEqual(await here.atTheLimit(), refused);
    assert.deepEqual(await here.makeRoom(), await there.makeRoom());
  });
});

/** What happens in a folder whose file system has room for 8 MiB. */
class SmallFolder {
  readonly #agent: GuestAgent;
  readonly #folder: string;
  readonly #handle: number;

  constructor(agent: GuestAgent, folder: string, handle: number) {
    this.#agent = agent;
    this.#folder = folder;
    this.#handle = handle;
  }

  /** Writes twice as much as there is room for. */
  async fill(): Promise<unknown> {
    const { blocks, bsize } = await this.#agent.call('statfs', [this.#folder]);
    await this.#agent.call('open', [this.#handle, `${this.#folder}/large`, O_RDWR | O_CREAT]);
    const filled = await result(this.#agent.call('fill', [this.#handle, 0, 16 * MIB, 1]));
    const { size } = await this.#agent.call('fstat', [this.#handle]);
    return { total: blocks * bsize, filled, size, ...(await this.#room()) };
  }

  /** What is refused when nothing is left, and what is not. */
  async atTheLimit(): Promise<unknown[]> {
    const agent = this.#agent;
    const { size } = await agent.call('fstat', [this.#handle]);
    return [
      await result(agent.call('pwrite', [this.#handle, size, '00'])),
      await result(agent.call('pwrite', [this.#handle, size + MIB, '00'])),
      await result(agent.call('fallocate', [this.#handle, 0, size, MIB])),
      await result(agent.call('ftruncate', [this.#handle, size + MIB])),
      await result(agent.call('ftruncate', [this.#handle, size])),
      await result(agent.call('check', [this.#handle, 0, size, 1])),
      await result(agent.call('mkdir', [`${this.#folder}/folder`])),
      await result(agent.call('rmdir', [`${this.#folder}/folder`])),
      await this.#room(),
    ];
  }

  /** A hole makes room, a deleted file when it is closed. */
  async makeRoom(): Promise<unknown> {
    const agent = this.#agent;
    const rooms = [await this.#room()];
    await agent.call('fallocate', [this.#handle, KEEP_SIZE_AND_PUNCH, 0, MIB]);
    rooms.push(await this.#room());
    await agent.call('fill', [this.#handle, 0, MIB, 1]);
    rooms.push(await this.#room());
    await agent.call('unlink', [`${this.#folder}/large`]);
    rooms.push(await this.#room());
    await agent.call('close', [this.#handle]);
    // A guest tells a virtio-fs device of a last close in its own time
    await until('a closed file without a name makes room', async () => (await this.#room()).free > 0);
    rooms.push(await this.#room());
    return rooms;
  }

  async #room(): Promise<{ free: number; available: number }> {
    const { bfree, bavail, bsize } = await this.#agent.call('statfs', [this.#folder]);
    return { free: (bfree * bsize) / PAGE, available: (bavail * bsize) / PAGE };
  }
}

/** What a call gave, or the name of its error. */
async function result(call: Promise<unknown>): Promise<unknown> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof GuestError) return error.errnoName;
    throw error;
  }
}
