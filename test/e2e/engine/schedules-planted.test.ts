import { test } from 'node:test';
import { assertTurnsRed, type Fault } from '../../support/planted.ts';

/** As QEMU had it once: the main side waits for devices when the machine stands still, before the last barrier. */
const WAITS_TOO_EARLY: Fault = {
  file: 'src/engine/transfer/destination/take-in.ts',
  find: ' watchLoads(destination, intake);',
  replace: ' await intake.loads.done(() => 0, 2 ** 31 - 1);',
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

/** Reads are withheld for a device as long as its next buffer is at hand, though it does not get on. */
const WITHHELD_FOR_EVER: Fault = {
  file: 'src/engine/slots/receive-ledger.ts',
  find: ' && !stuck',
  replace: '',
};

test('channels that wait for ever for a device that is stuck are found', async () => {
  delete process.env.FERRY_SCHEDULE_SEED;
  const model = new URL('../../unit/engine/schedule-model.test.ts', import.meta.url);
  await assertTurnsRed(model, WITHHELD_FOR_EVER, /leads to a standstill/);
});

/** What lies before a barrier is not waited for. */
const BARRIER_TOO_EARLY: Fault = {
  file: 'src/engine/channels/turns.ts',
  find: 'return this.#dry === this.#allDry;',
  replace: 'return true;',
};

test('a barrier that overtakes memory is found', async () => {
  delete process.env.FERRY_SCHEDULE_SEED;
  const model = new URL('../../unit/engine/schedule-model.test.ts', import.meta.url);
  await assertTurnsRed(model, BARRIER_TOO_EARLY, /leads to a standstill/);
});
