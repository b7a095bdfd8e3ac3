/** Whole transfers between two ends in one process, that come to a good end. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  receiveMachine,
  sendMachine,
  type TransferEvent,
  TransferMetrics,
} from '../../../src/engine/transfer/index.ts';
import {
  assertSameMemory,
  Lanes,
  QUICK,
  TestMachine,
  temporaryFolder,
} from '../../support/engine/transfer-rig.ts';

let sourceLanes: Lanes;
let destinationLanes: Lanes;

before(async () => {
  [sourceLanes, destinationLanes] = await Promise.all([Lanes.start(3), Lanes.start(3)]);
});

after(async () => {
  await sourceLanes[Symbol.asyncDispose]();
  await destinationLanes[Symbol.asyncDispose]();
});

const STATES = [3_000_000, 10, 1_048_576];

test('a machine that goes on writing arrives whole, with its devices', async () => {
  using folder = temporaryFolder();
  using source = new TestMachine({
    states: STATES,
    lanes: sourceLanes,
    guest: (machine, pass) => {
      for (let i = 0; i < 400 >> pass; i++) machine.write(0, (i * 7 + pass) % 1024, `pass ${pass}`);
      machine.write(1, pass % 9, `small ${pass}`);
    },
  });
  using destination = new TestMachine({ states: STATES, lanes: destinationLanes });
  source.fill();
  const events: TransferEvent[] = [];
  const metrics = new TransferMetrics({ machine: 'one' });
  const at = `ferry+unix:${folder.path}/socket`;
  const receiving = receiveMachine(destination.asDestination(), { at, timings: QUICK });
  const sent = await sendMachine(source.asSource(), {
    to: at,
    channels: 3,
    timings: QUICK,
    onEvent: (event) => {
      events.push(event);
      metrics.observe(event);
    },
  });
  const received = await receiving;
  assert.deepEqual(
    [sent.outcome, sent.why, received.outcome, received.why],
    ['completed', undefined, 'completed', undefined],
  );
  assertSameMemory(source, destination);
  assert.deepEqual(source.history, ['stop', 'release', 'unwatch']);
  assert.deepEqual(destination.history, ['start']);
});
