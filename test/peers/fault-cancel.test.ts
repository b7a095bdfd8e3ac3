/** A move that is cancelled, by its caller or by Ctrl-C, at every stage: the guest is proven to run at the source, and once. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { STAGES } from './fault/stages.ts';
import { type Attempt, type AttemptOptions, FaultWorld, LIMIT } from './fault/world.ts';

const FERRY = fileURLToPath(new URL('../../bin/ferry', import.meta.url));

let world: FaultWorld;

before(async () => {
  world = await FaultWorld.start('10.0');
});

after(async () => {
  await world[Symbol.asyncDispose]();
});

function cancelled(name: string, make: (cancel: () => void) => AttemptOptions): void {
  test(name, LIMIT, async (t) => {
    const abort = new AbortController();
    const { options, ...rest } = make(() => abort.abort());
    await world.attempt(
      { ...rest, options: { ...options, signal: abort.signal } },
      async (verdict, attempt) => {
        t.diagnostic(`${verdict.outcome} after ${verdict.totalMs} ms: ${verdict.why}`);
        assert.equal(verdict.outcome, 'cancelled', verdict.why);
        assert.deepEqual([verdict.guestAt, verdict.guestState], ['source', 'running']);
        await world.isAtSource(attempt);
      },
    );
  });
}

cancelled('cancelled in pre-copy', (cancel) => STAGES['in pre-copy'](cancel));
cancelled('cancelled when the guest has been stopped for the switchover', (cancel) => ({
  at: { switchover: cancel },
}));
cancelled('cancelled as the device’s state passes', (cancel) => STAGES['as its load begins'](cancel));
cancelled('cancelled when everything has been loaded, and the source does not know', (cancel) =>
  STAGES['after its load, before its last word'](({ relay }) => {
    cancel();
    // Until the source gives up
    return relay.broken;
  }),
);

/** `ferry migrate`, which gets a Ctrl-C from `interrupt`. */
async function ferryMigrate(attempt: Attempt, ready: (interrupt: () => void) => void) {
  const { here, there, relay } = attempt;
  const monitors = ['--qmp', here.machine.qmp, '--to-qmp', there.machine.qmp];
  const child = spawn(FERRY, ['migrate', ...monitors, '--uri', relay.uri, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  ready(() => child.kill('SIGINT'));
  let last = '';
  for await (const line of createInterface(child.stdout)) last = line;
  const [code] = child.exitCode === null ? await once(child, 'exit') : [child.exitCode];
  return { code, result: JSON.parse(last) };
}

for (const stage of ['in pre-copy', 'after its load, before its last word'] as const)
  test(`ferry migrate, interrupted by Ctrl-C ${stage}, exits with 4`, LIMIT, async () => {
    const interrupt = Promise.withResolvers<() => void>();
    const options = STAGES[stage](async ({ relay }) => {
      (await interrupt.promise)();
      await relay.broken;
    });
    await world.prepare(options, async (attempt) => {
      const { code, result } = await ferryMigrate(attempt, interrupt.resolve);
      assert.equal(code, 4, JSON.stringify(result));
      assert.deepEqual(
        [result.type, result.ok, result.outcome, result.guestAt, result.guestState],
        ['result', false, 'cancelled', 'source', 'running'],
      );
      await world.isAtSource(attempt);
    });
  });

test(
  'after all that the guest moves; told to run at the source as well, two of it are seen',
  LIMIT,
  async () => {
    await world.attempt({ to: '11.1' }, async (verdict, { here, there }) => {
      const { agent } = world.guest;
      assert.equal(verdict.outcome, 'moved', verdict.why);
      assert.equal(await world.whereabouts.status(here.machine), 'postmigrate');
      await world.churn.goesOn();
      await world.churn.end();
      world.runsOnce();
      const monitor = world.whereabouts.monitor(here.machine);
      const said = here.ferry.process.tail.length;
      await monitor.execute('cont');
      while (agent.heartbeat.report().repeated === 0) await agent.ping();
      assert.throws(() => world.whereabouts.assertOnce(), /the guest ran twice/);
      await monitor.execute('stop');
      // The copy had no device: the one at the source was told that the guest is elsewhere
      assert.match(here.ferry.process.tail.slice(said), /SET_VRING_KICK refused: .*the guest runs elsewhere/);
      assert.equal((await here.ferry.status()).ringsRunning, 0);
      assert.equal((await there.ferry.status()).lifecycle, 'running');
    });
  },
);
