/** States of many devices over real channels, as many at once as there are, each compared byte by byte. */
import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { after, before, describe, it } from 'node:test';
import { Crews, transfer } from './device-transfer.ts';

const MIB = 2 ** 20;

/** States of about `size` bytes, none like the other, some without any. */
function sizes(devices: number, size: number): number[] {
  return Array.from({ length: devices }, (_, i) => (i % 9 === 5 ? 0 : size - i * 1001));
}

describe('devices over channels', () => {
  let crews: Crews;
  before(async () => {
    crews = await Crews.start(8);
  });
  after(() => crews[Symbol.asyncDispose]());

  for (const [channels, devices, size, slots] of [
    [1, 1, 12 * MIB, 4],
    [4, 1, 12 * MIB, 4],
    [1, 8, 5 * MIB, 20],
    [4, 8, 5 * MIB, 20],
    [4, 64, MIB + 70_000, 128],
  ] as const)
    it(`${devices} over ${channels} bring their states over within ${slots} slots`, async () => {
      const bytes = sizes(devices, size);
      const { mostHeld } = await transfer(crews, { channels, bytes, extended: true, slots, slowMs: 3 });
      assert.ok(mostHeld <= slots);
    });

  it('8 over 2 bring their states over compressed by as many threads as there are', async () => {
    const bytes = sizes(8, 5 * MIB);
    const { sent } = await transfer(crews, {
      channels: 2,
      bytes,
      extended: true,
      compressed: true,
      slots: 20,
      slowMs: 3,
    });
    assert.ok(sent < 2 * MIB, `${sent} bytes were sent`);
  });

  it('8 over 4 bring their states over to a receiver that gives no credits', async () => {
    const spill = { folder: tmpdir(), limit: 64 * MIB };
    const bytes = sizes(8, 4 * MIB);
    await transfer(crews, { channels: 4, bytes, extended: false, slots: 16, spill, slowMs: 3 });
  });
});
