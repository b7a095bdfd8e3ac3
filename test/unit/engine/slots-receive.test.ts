/** Which buffer of which device goes where at a receiver, whatever order they come in. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ReceiveWorld, type WorldOptions } from './slots-receive-world.ts';

const LENGTH = 5000;

/** Any transfer; the number of devices comes first, the rest fits it. */
const anyWorld = fc
  .oneof(
    { arbitrary: fc.integer({ min: 1, max: 6 }), weight: 3 },
    { arbitrary: fc.integer({ min: 7, max: 64 }), weight: 1 },
  )
  .chain((devices) =>
    fc.record({
      seed: fc.integer(),
      devices: fc.constant(devices),
      slots: fc.integer({ min: 2 * devices, max: 4 * devices + 4 }),
      perDevice: fc.integer({ min: 2, max: 12 }),
      credits: fc.boolean(),
      packed: fc.boolean(),
      channels: fc.integer({ min: 1, max: 8 }),
      totals: fc.array(fc.integer({ min: 1, max: devices > 6 ? 8 : 30 }), {
        minLength: devices,
        maxLength: devices,
      }),
      order: fc.constantFrom('random' as const, 'worst' as const),
    }),
  );
type AnyWorld = typeof anyWorld extends fc.Arbitrary<infer T> ? T : never;

function worldOf(any: AnyWorld, stuckAfter: ReadonlyMap<number, number>, aborts: boolean): WorldOptions {
  const buffers = any.totals.reduce((sum, total) => sum + total, 0);
  // 4096 bytes are the least that a file system gives out
  const spill = any.credits ? { places: 0, bytes: 0 } : { places: buffers, bytes: buffers * 8192 };
  return { ...any, packed: any.packed && any.credits, spill, stuckAfter, aborts, length: LENGTH };
}

describe('slots of a receiver', () => {
  it('load every device in order, in bounded memory, whatever comes when', () =>
    fc.assert(
      fc.property(anyWorld, (any) => {
        const world = new ReceiveWorld(worldOf(any, new Map(), false));
        world.run();
        assert.deepEqual([...world.loaded], [...any.totals]);
      }),
      { numRuns: 150 },
    ));

  it('let all others finish where some devices are stuck or given up', () =>
    fc.assert(
      fc.property(anyWorld, fc.array(fc.tuple(fc.nat(), fc.nat(10)), { maxLength: 3 }), (any, stuck) => {
        const stuckAfter = new Map(stuck.map(([d, after]) => [d % any.devices, after]));
        new ReceiveWorld(worldOf(any, stuckAfter, true)).run();
      }),
      { numRuns: 150 },
    ));
});
