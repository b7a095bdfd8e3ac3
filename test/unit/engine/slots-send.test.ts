/** Which buffer of which device is sent when, and how long its slot is kept. */
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { SendWorld } from './slots-send-world.ts';

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
      channels: fc.integer({ min: 1, max: 8 }),
      ahead: fc.integer({ min: 2, max: 8 }),
      totals: fc.array(fc.integer({ min: 1, max: devices > 6 ? 8 : 30 }), {
        minLength: devices,
        maxLength: devices,
      }),
      pack: fc.boolean(),
    }),
  );

describe('slots of a sender', () => {
  it('bring every buffer over once where the peer knows no credits', () =>
    fc.assert(
      fc.property(anyWorld, (any) =>
        new SendWorld({
          ...any,
          credits: false,
          keep: false,
          breaks: false,
          aborts: false,
          stuckAfter: new Map(),
        }).run(),
      ),
      { numRuns: 100 },
    ));

  it('keep to credits, and let the others finish where some devices are stuck or given up', () =>
    fc.assert(
      fc.property(anyWorld, fc.array(fc.tuple(fc.nat(), fc.nat(10)), { maxLength: 3 }), (any, stuck) => {
        const stuckAfter = new Map(stuck.map(([d, after]) => [d % any.devices, after]));
        new SendWorld({ ...any, credits: true, keep: true, breaks: false, aborts: true, stuckAfter }).run();
      }),
      { numRuns: 100 },
    ));

  it('lose nothing with channels that break', () =>
    fc.assert(
      fc.property(anyWorld, (any) =>
        new SendWorld({
          ...any,
          credits: true,
          keep: true,
          breaks: true,
          aborts: false,
          stuckAfter: new Map(),
        }).run(),
      ),
      { numRuns: 150 },
    ));
});
