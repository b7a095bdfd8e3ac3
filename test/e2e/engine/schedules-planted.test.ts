import { test } from 'node:test';
import { assertTurnsRed, type Fault } from '../../support/planted.ts';

/** As QEMU had it once: the main side waits for devices when the machine stands still, before the last barrier. */
const WAITS_TOO_EARLY: Fault = {
  file: 'src/engine/transfer/destination/take-in.ts',
  find: "else if (message.kind === 'switchover') course.note('The machine stands still at the source');",
  replace: "else if (message.kind === 'switchover') await intake.loads.done(() => 0, 2 ** 31 - 1);",
};

test('a main side that waits for devices before the last barrier is found', async () => {
  // One in which device state lies behind the last barrier
  process.env.FERRY_SCHEDULE_SEED = '13';
  process.env.FERRY_SCHEDULE_DEADLINE = '4000';
  await assertTurnsRed(
    new URL('./schedules-stock.test.ts', import.meta.url),
    WAITS_TOO_EARLY,
    /it ends in time/,
  );
});
