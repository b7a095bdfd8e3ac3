/** Threads that wait for slots, buffers or room are told when what they wait for is given up. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Lane, ReceiveSlots, SendSlots } from '../../../src/engine/slots/index.ts';
import type { DeviceTask } from './device-lane.ts';
import { DISK, NIC, packetOf, pattern, ReceivingHalf, SLOT_BYTES, until } from './device-state-rig.ts';

const devices = [DISK, NIC];

function sendSlots(): SendSlots {
  return new SendSlots({ devices, slots: 4, bell: new SharedArrayBuffer(4), credits: true });
}

describe('giving up', () => {
  let lane: Lane;
  before(async () => {
    const module = new URL('./device-lane.ts', import.meta.url);
    lane = await Lane.start({ name: 'lane', module, start: undefined });
  });
  after(() => lane.end());

  const run = (places: Pick<DeviceTask, 'sinks' | 'sources'>, bytes: number) => {
    const task: DeviceTask = { ...places, bytes: [bytes], slowMs: 0, seed: 1 };
    return lane.run(task);
  };

  for (const [what, giveUp] of [
    ['everything', (slots: SendSlots | ReceiveSlots) => slots.cancel()],
    ['the device', (slots: SendSlots | ReceiveSlots) => slots.abort(0)],
  ] as const) {
    it(`${what} ends a device that waits for a slot`, async () => {
      using slots = sendSlots();
      const saved = assert.rejects(run({ sinks: [slots.sink(0)] }, 9 * SLOT_BYTES), {
        code: 'ERR_SLOT_CANCELLED',
        message: 'Saving 0000:00:02.0/vfio was given up',
      });
      await until(slots, () => slots.device(0).posted === 2);
      giveUp(slots);
      await saved;
    });

    it(`${what} ends a device that waits for a buffer`, async () => {
      using slots = new ReceiveSlots({ devices, slots: 4, credits: true });
      const loaded = assert.rejects(run({ sources: [slots.source(0)] }, 10), {
        code: 'ERR_SLOT_CANCELLED',
        message: 'Loading 0000:00:02.0/vfio was given up',
      });
      await until(slots, () => slots.device(0).opened);
      giveUp(slots);
      await loaded;
    });
  }

  it('a device leaves the others what they need', async () => {
    using slots = sendSlots();
    const stuck = assert.rejects(run({ sinks: [slots.sink(0)] }, 9 * SLOT_BYTES), {
      code: 'ERR_SLOT_CANCELLED',
    });
    await until(slots, () => slots.device(0).posted === 2);
    slots.abort(0);
    await stuck;
    await run({ sinks: [slots.sink(1)] }, 2 * SLOT_BYTES - 1);
    assert.deepEqual([slots.device(1).posted, slots.device(1).ended], [2, true]);
  });

  it('everything ends a channel before it reads on', () => {
    using slots = new ReceiveSlots({ devices, slots: 4, credits: false });
    const reader = new ReceivingHalf(slots, 0, false);
    slots.cancel();
    assert.throws(() => reader.read(packetOf({ data: pattern(5, 1) })), { code: 'ERR_SLOT_CANCELLED' });
  });
});
