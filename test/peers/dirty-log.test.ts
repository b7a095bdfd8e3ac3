/**
 * What the device writes to the guest's memory moves with it: reads with O_DIRECT go on while pre-copy makes its passes, into
 * buffers that the guest's processor leaves alone. Only the dirty log tells QEMU of them, and without it the test is red.
 */
import assert from 'node:assert/strict';
import { constants as files } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { choosePeer, type Peer } from '../../src/launch/index.ts';
import { migrate } from '../../src/migrate/index.ts';
import { bootGuest, type Guest, launchFerry, startDestination, testPeers } from '../guest/index.ts';

const { O_CREAT, O_DIRECT, O_RDONLY, O_RDWR } = files;
const MIB = 1 << 20;
const FILE = 32 * MIB;
const BUFFERS = 12 * MIB;
const SEED = 11;
const READER = { actor: 2 };
const WRITER = { actor: 3 };
/** Reads that have touched most buffers. */
const ROUND = 2 * (BUFFERS / 65536);
/** Too short for what a busy guest leaves to be sent. */
const NO_PAUSE = { downtimeMs: 10 };
/** Passes over memory with reads in each of them, before the reads may end. */
const PASSES = 4;
/** Slow enough that a pass takes its time, and that the buffers alone are too much for the first pause that is tried. */
const BANDWIDTH = 64 * MIB;

/** Whether the reads go on through the switchover, or end in pre-copy. */
type Reads = 'all the time' | 'in pre-copy';

/** A guest with a file to read from and buffers to read into, and one back end after another. */
class ReadingGuest implements AsyncDisposable {
  readonly #resources = new AsyncDisposableStack();
  readonly #faulty: { faulty?: URL };
  readonly #test: TestContext;
  #guest!: Guest;

  constructor(test: TestContext, faulty?: URL) {
    this.#test = test;
    this.#faulty = faulty === undefined ? {} : { faulty };
  }

  async boot(version: string): Promise<void> {
    const ferry = this.#resources.use(await launchFerry({ memory: '64M', ...this.#faulty }));
    const options = { qemu: await qemu(version), fs: [ferry.fs], memory: 192, test: this.#test };
    this.#guest = this.#resources.use(await bootGuest(options));
    const { agent } = this.#guest;
    await agent.call('mount', ['virtiofs', 'ferry', '/mnt']);
    await agent.call('open', [1, '/mnt/file', O_RDWR | O_CREAT]);
    await agent.call('fill', [1, 0, FILE, SEED]);
    await agent.call('open', [1, '/mnt/file', O_RDONLY | O_DIRECT], READER);
    await agent.call('directprepare', [BUFFERS], READER);
  }

  /** Move while reading, and have the guest look at every page that was read. Returns how many of them are wrong. */
  async move(version: string, reads: Reads): Promise<number> {
    const { agent } = this.#guest;
    const source = this.#guest.machines.at(-1)!;
    const ferry = this.#resources.use(await launchFerry({ memory: '64M', ...this.#faulty }));
    const destination = await startDestination(this.#guest, { qemu: await qemu(version), fs: [ferry.fs] });
    const reading = agent.call('directread', [1, FILE, 1], READER);
    while ((await agent.progress(READER.actor)).operations < ROUND);
    // Keeps pre-copy from ending before the reads do
    const writing = reads === 'in pre-copy' ? agent.call('dirtyram', [BUFFERS, 3000], WRITER) : undefined;
    let passes = 0;
    let enough: Promise<void> | undefined;
    const verdict = await migrate({
      source: source.qmp,
      destination: destination.qmp,
      bandwidth: BANDWIDTH,
      ...(writing === undefined ? {} : NO_PAUSE),
      onEvent: (event) => {
        if (event.type !== 'progress') return;
        passes = event.pass;
        if (passes >= PASSES && writing !== undefined) enough ??= this.#endReadsThenWrites(reading);
      },
    });
    assert.equal(verdict.outcome, 'moved', verdict.why);
    assert.ok(passes >= PASSES, `${passes} passes`);
    await (enough ?? agent.interrupt(READER.actor));
    assert.equal((await writing)?.bad ?? 0, 0, 'memory that the processor wrote');
    const count = (await reading).reads;
    assert.ok(count >= 2 * ROUND, `${count} reads`);
    const { pages, bad } = await agent.call('directcheck', [SEED], READER);
    assert.ok(pages >= 0.98 * (BUFFERS / 4096), `${pages} pages`);
    this.#test.diagnostic(
      `to ${version}, reading ${reads}: ${count} reads, ${passes} passes, pause ${verdict.downtimeMs} ms; ` +
        `of ${pages} pages ${bad} are wrong`,
    );
    return bad;
  }

  async #endReadsThenWrites(reading: Promise<unknown>): Promise<void> {
    const { agent } = this.#guest;
    await agent.interrupt(READER.actor);
    await reading;
    await agent.interrupt(WRITER.actor);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]();
  }
}

async function qemu(version: string): Promise<Peer> {
  return choosePeer(await testPeers(), 'qemu-system-x86_64', { version });
}

test('every page that the device wrote is right after a move', async (t) => {
  await using guest = new ReadingGuest(t);
  await guest.boot('10.0');
  assert.equal(await guest.move('11.1', 'all the time'), 0);
  assert.equal(await guest.move('10.0', 'in pre-copy'), 0);
});

test('with the fault planted that nothing is logged, pages are wrong', async (t) => {
  await using guest = new ReadingGuest(t, new URL('./unlogged-fs.ts', import.meta.url));
  await guest.boot('10.0');
  // Of the used ring an old copy moves as well: a read under way in the switchover would never end
  assert.ok((await guest.move('11.1', 'in pre-copy')) > 0, 'nobody sees that nothing was logged');
});
