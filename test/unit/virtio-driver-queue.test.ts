/** The driver's side of a queue against the device's side, split and packed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  DescriptorChain,
  type DriverQueue,
  type DriverQueueOptions,
  initialBase,
  PackedDriverQueue,
  PackedQueue,
  ringLengths,
  SplitDriverQueue,
  SplitQueue,
  type Virtqueue,
  type VirtqueueKind,
} from '../../src/virtio/index.ts';
import { TestMemory } from '../support/raw-ring.ts';

const DATA = 0x20000;
const SLOT = 0x400;

interface Shape {
  readonly kind: VirtqueueKind;
  readonly eventIdx: boolean;
  readonly indirect: boolean;
}

class Pair implements Disposable {
  readonly guest = new TestMemory(0x80000);
  readonly driver: DriverQueue;
  readonly device: Virtqueue;
  readonly #options: Shape & DriverQueueOptions;

  constructor(size: number, perSlot: number, shape: Shape) {
    this.#options = { size, perSlot, ...shape };
    const range = this.guest.memory.regions[0]!;
    this.driver =
      shape.kind === 'packed'
        ? new PackedDriverQueue(range, 0, this.#options)
        : new SplitDriverQueue(range, 0, this.#options);
    this.device = this.open(initialBase(shape.kind));
  }

  /** A device's side that starts at `base`. */
  open(base: number): Virtqueue {
    const { size, kind } = this.#options;
    const { addresses } = this.driver;
    const lengths = ringLengths(size, kind);
    const view = (at: number, length: number) => this.guest.memory.viewUser(at, length)!;
    const ring = {
      descriptors: view(addresses.descriptors, lengths.descriptors),
      available: view(addresses.available, lengths.available),
      used: view(addresses.used, lengths.used),
    };
    const options = { ...this.#options, base };
    return kind === 'packed'
      ? new PackedQueue(this.guest.memory, ring, options)
      : new SplitQueue(this.guest.memory, ring, options);
  }

  [Symbol.dispose](): void {
    this.guest[Symbol.dispose]();
  }
}

const batches = fc.array(fc.array(fc.nat(3), { maxLength: 4 }), { minLength: 1, maxLength: 30 });
const shape = fc.record({
  kind: fc.constantFrom('split', 'packed'),
  eventIdx: fc.boolean(),
  indirect: fc.boolean(),
});

test('requests arrive whole and answers come back, to the slot they belong to', () => {
  fc.assert(
    fc.property(batches, shape, fc.nat(0xffff), (turns, options, seed) => {
      using f = new Pair(16, 3, options);
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
        using f = new Pair(8, 1, options);
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

test('answers in any order go to the requests they are for, lap after lap', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(3), fc.nat(20), fc.integer({ min: 1, max: 3 })), {
        minLength: 1,
        maxLength: 60,
      }),
      shape,
      fc.constantFrom(8, 16),
      (steps, options, size) => {
        using f = new Pair(size, 3, options);
        const { driver, device, guest } = f;
        const free = Array.from({ length: Math.min(driver.slots, 8) }, (_, slot) => slot);
        const taken: DescriptorChain[] = [];
        let sent = 0;
        let answered = 0;
        for (const [what, pick, buffers] of steps) {
          if (what < 2 && free.length > 0) {
            const slot = free.splice(pick % free.length, 1)[0]!;
            const at = DATA + slot * SLOT;
            const all = [
              { address: at, length: 4, writable: false },
              { address: at + 16, length: 4, writable: true },
              { address: at + 32, length: 4, writable: true },
            ];
            driver.prepare(slot, buffers === 1 ? all.slice(1, 2) : all.slice(0, buffers));
            driver.submit(slot);
            sent++;
            driver.publish();
          } else if (what === 2) {
            const chain = new DescriptorChain();
            if (device.pop(chain)) taken.push(chain);
          } else if (taken.length > 0) {
            const [chain] = taken.splice(pick % taken.length, 1);
            const place = chain!.writable.segments.guestAddress(0);
            chain!.writable.write(Uint8Array.of(7), 0, 1);
            device.complete(chain!);
            const slot = driver.collect();
            assert.equal(place, DATA + slot * SLOT + 16);
            assert.equal(guest.read(place, 1)[0], 7);
            assert.equal(driver.usedLength, 1);
            assert.equal(driver.collect(), -1);
            free.push(slot);
            answered++;
          }
          assert.equal(driver.inFlight, sent - answered);
          assert.equal(device.inFlight, taken.length);
          assert.ok(driver.accepts(device.base), 'where the device stands is possible');
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('another device takes over where the last one stopped, parked requests included', () => {
  fc.assert(
    fc.property(shape, fc.array(fc.nat(6), { minLength: 2, maxLength: 20 }), (options, turns) => {
      using f = new Pair(8, 2, options);
      const { driver } = f;
      let { device } = f;
      const slots = Math.min(driver.slots, 8);
      for (let slot = 0; slot < slots; slot++)
        driver.prepare(slot, [
          { address: DATA + slot * SLOT, length: 4, writable: false },
          { address: DATA + slot * SLOT + 16, length: 4, writable: true },
        ]);
      for (const turn of turns) {
        for (let slot = 0; slot < slots; slot++) driver.submit(slot);
        driver.publish();
        const chains = Array.from({ length: Math.min(turn, slots) }, () => new DescriptorChain());
        for (const chain of chains) assert.equal(device.pop(chain), true);
        const last = chains.at(-1);
        if (last !== undefined) device.complete(last);
        const parked = chains.slice(0, -1).map((chain) => device.park(chain));
        const { base } = device;
        assert.ok(driver.accepts(base));
        device = f.open(base);
        assert.equal(device.base, base);
        const chain = new DescriptorChain();
        for (const request of parked) {
          device.recover(chain, request);
          assert.equal(chain.readable.length, 4);
          assert.deepEqual(device.park(chain), request);
          device.complete(chain);
        }
        while (device.pop(chain)) device.complete(chain);
        const seen = Array.from({ length: slots }, () => driver.collect());
        assert.deepEqual(
          seen.sort((one, other) => one - other),
          Array.from({ length: slots }, (_, slot) => slot),
        );
        assert.equal(driver.base, device.base, 'everything is finished');
      }
    }),
  );
});

for (const kind of ['split', 'packed'] as const) {
  test(`a base that no device can have is not accepted, ${kind}`, () => {
    using f = new Pair(8, 1, { kind, eventIdx: true, indirect: false });
    const { driver, device } = f;
    assert.equal(driver.base, initialBase(kind));
    for (let slot = 0; slot < 3; slot++) {
      driver.prepare(slot, [{ address: DATA, length: 4, writable: true }]);
      driver.submit(slot);
    }
    assert.equal(driver.accepts(kind === 'packed' ? 0x8000_8001 : 1), false, 'not published');
    driver.publish();
    const good = kind === 'packed' ? [0x8000_8000, 0x8000_8003, 0x8003] : [0, 3];
    const bad =
      kind === 'packed' ? [0x8000_8004, 0x8001_8003, 0x8000_0000, 0x8000_8008, 0x8009] : [4, 0xffff, 0x10000];
    for (const base of good) assert.equal(driver.accepts(base), true, base.toString(16));
    for (const base of bad) assert.equal(driver.accepts(base), false, base.toString(16));
    const chain = new DescriptorChain();
    device.pop(chain);
    device.complete(chain);
    assert.equal(driver.base, kind === 'packed' ? 0x8001_8001 : 1, 'finished, though not collected');
  });

  test(`a device that answers what was not asked is found out, ${kind}`, () => {
    using f = new Pair(8, 1, { kind, eventIdx: true, indirect: true });
    const { driver, device } = f;
    driver.prepare(0, [{ address: DATA, length: 4, writable: true }]);
    driver.submit(0);
    driver.publish();
    const chain = new DescriptorChain();
    device.pop(chain);
    chain.head = 5;
    device.complete(chain);
    assert.throws(() => driver.collect(), { code: 'ERR_USED_ID' });
  });
}
