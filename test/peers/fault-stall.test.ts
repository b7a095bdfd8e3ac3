/**
 * Something stands still in the middle of the switchover: a device's process, a device, the network. Deadlines and the watchdog
 * end that; each move has an outcome in time, nothing hangs, and when what stood still goes on there is one guest.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { controlSockets, type MigrateOptions } from '../../src/migrate/index.ts';
import { deviceState, type FerryProcess } from '../guest/index.ts';
import { STAGES } from './fault/stages.ts';
import { type AttemptOptions, FaultWorld, LIMIT } from './fault/world.ts';

/** More than all pipes and sockets on the way hold together. */
const BULK = 24 << 20;
const STALLED = new URL('./stalled-fs.ts', import.meta.url);
const BRIEF: Partial<MigrateOptions> = { timings: { silenceMs: 2_000, giveUpMs: 4_000 } };

/** Let `stand` be waited for when `bytes` of the device's state have passed. */
function amidState(bytes: number, stand: () => Promise<unknown>): NonNullable<AttemptOptions['taps']> {
  return () => ({
    forward: deviceState(async function* (state) {
      let passed = 0;
      for await (const piece of state) {
        if (passed < bytes && passed + piece.length >= bytes) await stand();
        passed += piece.length;
        yield piece;
      }
    }),
  });
}

/** Returns when the device has given a transfer up. */
async function givesUp(ferry: FerryProcess, direction: 'save' | 'load'): Promise<void> {
  for (;;) {
    const { lastTransfer } = await ferry.status();
    if (lastTransfer?.direction === direction && lastTransfer.outcome === 'failed') return;
  }
}

describe('devices that wait for two seconds at most', () => {
  let world: FaultWorld;

  before(async () => {
    world = await FaultWorld.start('11.1', { bulk: BULK, ferry: { further: ['--stall-timeout', '2'] } });
  });

  after(() => world[Symbol.asyncDispose]());

  test('the network stands still while the source saves: its device gives up, and is alive', LIMIT, () =>
    world.attempt(
      STAGES['as its load begins'](({ here }) => givesUp(here.ferry, 'save')),
      async (verdict, attempt) => {
        assert.equal(verdict.outcome, 'rolled-back', verdict.why);
        assert.match(
          verdict.why,
          /on its last save: A byte of device state .* did not happen within 2000 ms/,
        );
        await world.isAtSource(attempt);
      },
    ),
  );

  test('the network stands still while the destination loads: its device gives up', LIMIT, async () => {
    const started = Promise.withResolvers<FerryProcess>();
    await world.attempt(
      {
        taps: amidState(1 << 20, async () => givesUp(await started.promise, 'load')),
        at: { switchover: ({ there }) => started.resolve(there.ferry) },
        ferry: { further: ['--stall-timeout', '1'] },
      },
      async (verdict, attempt) => {
        assert.equal(verdict.outcome, 'rolled-back', verdict.why);
        assert.match(
          verdict.why,
          /on its last load: A byte of device state .* did not happen within 1000 ms/,
        );
        await world.isAtSource(attempt);
      },
    );
  });

  test('the return path stands still: the switchover has its time, and is undone', LIMIT, () =>
    world.attempt(
      {
        ...STAGES['after its load, before its last word'](({ relay }) => relay.broken),
        options: { timings: { switchoverMs: 2_000 } },
      },
      async (verdict, attempt) => {
        assert.equal(verdict.code, 'switchover-stuck', verdict.why);
        assert.equal(verdict.outcome, 'rolled-back', verdict.why);
        await world.isAtSource(attempt);
      },
    ),
  );

  test('the destination’s device stands still in its load, alive: the watchdog ends that', LIMIT, () =>
    world.attempt({ options: BRIEF, ferry: { faulty: STALLED } }, async (verdict, attempt) => {
      assert.equal(verdict.outcome, 'rolled-back', verdict.why);
      await world.isAtSource(attempt);
    }),
  );

  test(
    'the destination’s process is stopped in its load: the outcome is unknown, then the source goes on',
    LIMIT,
    () =>
      world.attempt(
        {
          ...STAGES['as its load begins'](({ there }) => there.ferry.process.kill('SIGSTOP')),
          options: BRIEF,
        },
        async (verdict, attempt) => {
          assert.equal(verdict.outcome, 'unknown', verdict.why);
          assert.equal(verdict.code, 'source-silent');
          assert.match(verdict.nextSteps[0] ?? '', /query-status/);
          attempt.there.ferry.process.kill('SIGCONT');
          await world.becomes('running');
          await world.isAtSource(attempt);
        },
      ),
  );

  // The last one here: the guest may be at the destination afterwards
  test(
    'the source’s process is stopped while it saves: the outcome is unknown, and what to do is said',
    LIMIT,
    () =>
      world.attempt(
        { ...STAGES['as its load begins'](({ here }) => here.ferry.process.kill('SIGSTOP')), options: BRIEF },
        async (verdict, attempt) => {
          assert.equal(verdict.outcome, 'unknown', verdict.why);
          assert.equal(verdict.code, 'source-silent');
          const { here, there } = attempt;
          here.ferry.process.kill('SIGCONT');
          // The device may hear that it is to give up, or be done before
          if ((await world.becomes('running', 'postmigrate')) === 'running') await world.isAtSource(attempt);
          else {
            assert.equal(await world.whereabouts.status(there.machine), 'paused');
            assert.match(verdict.nextSteps[2] ?? '', /postmigrate.*: send cont there/);
            await world.whereabouts.monitor(there.machine).execute('cont');
            await world.churn.goesOn();
          }
          await world.churn.end();
          world.runsOnce();
        },
      ),
  );
});

describe('a source whose device stands still while it saves, alive', () => {
  let world: FaultWorld;

  before(async () => {
    world = await FaultWorld.start('10.0', { bulk: BULK, ferry: { faulty: STALLED } });
  });

  after(async () => {
    await world.churn.end();
    await world[Symbol.asyncDispose]();
  });

  test('the watchdog makes it give up, and the guest goes on with it', LIMIT, () =>
    world.attempt({ options: BRIEF }, async (verdict, attempt) => {
      assert.equal(verdict.outcome, 'rolled-back', verdict.why);
      assert.match(verdict.why, /on its last save: .* cancelled: QEMU has not answered for 2 s/);
      await world.isAtSource(attempt);
    }),
  );

  test('the planted fault, no watchdog: the outcome is unknown until somebody tells the device', LIMIT, () =>
    world.attempt(
      { options: { ...BRIEF, backEnds: { ...controlSockets, abortTransfer: async () => false } } },
      async (verdict, attempt) => {
        assert.equal(verdict.outcome, 'unknown', verdict.why);
        assert.equal(await attempt.here.ferry.control((client) => client.abortTransfer('by hand')), true);
        await world.becomes('running');
        await world.isAtSource(attempt);
      },
    ),
  );
});
