/** The driver's side of a split queue against the device's side. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DescriptorChain, ringLengths, SplitDriverQueue, SplitQueue } from '../../src/virtio/index.ts';
import { TestMemory } from '../support/raw-ring.ts';

const DATA = 0x20000;
const SLOT = 0x400;

function fixture(size: number, perSlot: number, options: { eventIdx: boolean; indirect: boolean }) {
  const guest = new TestMemory(0x80000);
  const driver = new SplitDriverQueue(guest.memory.regions[0]!, 0, { size, perSlot, ...options });
  const lengths = ringLengths(size, 'split');
  const view = (at: number, length: number) => guest.memory.viewUser(at, length)!;
  const ring = {
    descriptors: view(driver.addresses.descriptors, lengths.descriptors),
    available: view(driver.addresses.available, lengths.available),
    used: view(driver.addresses.used, lengths.used),
  };
  const device = new SplitQueue(guest.memory, ring, { size, base: 0, ...options });
  return { guest, driver, device, [Symbol.dispose]: () => guest[Symbol.dispose]() };
}

const batches = fc.array(fc.array(fc.nat(3), { maxLength: 4 }), { minLength: 1, maxLength: 30 });
const shape = fc.record({ eventIdx: fc.boolean(), indirect: fc.boolean() });

test('requests arrive whole and answers come back, to the slot they belong to', () => {
  fc.assert(
    fc.property(batches, shape, fc.nat(0xffff), (turns, options, seed) => {
      using f = fixture(16, 3, options);
      const { guest, driver, device } = f;
      const chain = new DescriptorChain();
      for (let slot = 0; slot < 4; slot++)
        driver.prepare(slot, [
          { address: DATA + slot * SLOT, length: 10, writable: false },
          { address: DATA + slot * SLOT + 0x100, length: 200 + slot, writable: false },
          { address: DATA + slot * SLOT + 0x200, length: 50, writable: true },
        ]);
      for (const [turn, slots] of turns.entries()) {
        const sent = [...new Set(slots)];
        for (const slot of sent) {
          guest.write(DATA + slot * SLOT, Uint8Array.of(slot, turn));
          guest.write(DATA + slot * SLOT + 0x100 + 199 + slot, Uint8Array.of(seed & 0xff));
          driver.submit(slot);
        }
        driver.publish();
        const seen: number[] = [];
        while (device.pop(chain)) {
          const bytes = new Uint8Array(chain.readable.length);
          chain.readable.read(bytes);
          const slot = bytes[0]!;
          assert.equal(bytes[1], turn & 0xff);
          assert.equal(bytes.length, 210 + slot);
          assert.equal(bytes.at(-1), seed & 0xff);
          chain.writable.write(new Uint8Array(slot + 5).fill(slot + 1));
          device.complete(chain);
          seen.push(slot);
        }
        assert.deepEqual(seen, sent);
        for (const slot of sent) {
          assert.equal(driver.collect(), slot);
          assert.equal(driver.usedLength, slot + 5);
          assert.equal(guest.read(DATA + slot * SLOT + 0x200, 1)[0], slot + 1);
        }
        assert.equal(driver.collect(), -1);
        assert.equal(driver.inFlight, 0);
      }
    }),
  );
});

test('neither side sleeps while the other one has something for it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('submit', 'serve', 'collect'), { maxLength: 60 }),
      shape,
      (steps, options) => {
        using f = fixture(8, 1, options);
        const { driver, device } = f;
        const chain = new DescriptorChain();
        for (let slot = 0; slot < 8; slot++)
          driver.prepare(slot, [{ address: DATA + slot * 16, length: 16, writable: true }]);
        const free = [0, 1, 2, 3, 4, 5, 6, 7];
        let deviceSleeps = !device.enableKicks();
        let driverSleeps = driver.armCall();
        for (const step of steps) {
          if (step === 'submit' && free.length > 0) {
            driver.submit(free.shift()!);
            if (driver.publish()) deviceSleeps = false;
            assert.ok(!deviceSleeps, 'a kick was due');
          } else if (step === 'serve' && !deviceSleeps) {
            device.disableKicks();
            do
              while (device.pop(chain)) {
                device.complete(chain);
                if (device.needsNotify()) driverSleeps = false;
              }
            while (device.enableKicks());
            deviceSleeps = true;
          } else if (step === 'collect' && !driverSleeps) {
            do for (let slot = driver.collect(); slot >= 0; slot = driver.collect()) free.push(slot);
            while (!driver.armCall());
            driverSleeps = true;
          }
          const waiting = driver.inFlight - device.inFlight;
          assert.ok(waiting >= 0);
          if (deviceSleeps && driverSleeps) assert.equal(free.length, 8, 'both sleep, and a request is left');
        }
      },
    ),
    { numRuns: 300 },
  );
});
