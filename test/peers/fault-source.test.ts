/** The source's device is killed: the move says so, the guest is where it was and nowhere else, and nothing waits for ever. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STAGES } from './fault/stages.ts';
import { FaultWorld, LIMIT } from './fault/world.ts';

for (const [stage, bulk] of [
  ['in pre-copy', 0],
  // So much that the state cannot have been saved when its first bytes come by
  ['as its load begins', 24 << 20],
] as const)
  test(`the source’s device killed ${stage}`, LIMIT, async (t) => {
    await using world = await FaultWorld.start('11.1', { bulk, test: t });
    const kill = STAGES[stage](({ here }) => {
      here.ferry.process.kill('SIGKILL');
      return here.ferry.process.exited;
    });
    await world.attempt(kill, async (verdict, { here, there }) => {
      t.diagnostic(`${verdict.outcome} (${verdict.code}) after ${verdict.totalMs} ms: ${verdict.why}`);
      t.diagnostic(verdict.nextSteps.join('; '));
      assert.equal(verdict.outcome, 'rolled-back', verdict.why);
      assert.equal(await world.whereabouts.status(here.machine), 'running');
      assert.notEqual(await world.whereabouts.status(there.machine), 'running');
      assert.match(verdict.nextSteps.join('; '), /The guest has lost what was behind fs0/);
      await world.guest.agent.ping();
      world.runsOnce();
    });
  });
