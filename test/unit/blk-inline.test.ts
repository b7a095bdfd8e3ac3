/** What the device's own thread does and what it leaves to the lanes. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RELIEF, SLOW_WRITE } from '../../src/devices/blk/limits.ts';
import { BlkGuest, header, type Sent, Type, testImage } from './blk-guest.ts';

const MIB = 2 ** 20;

function pattern(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + seed) % 251);
}

function writing(guest: BlkGuest, sector: number, bytes: Uint8Array): Sent {
  return guest.send(new Uint8Array(Buffer.concat([header(Type.out, sector), bytes])), 1);
}

describe('reads', () => {
  it('of what is in the page cache are answered at once, others when the storage has them', () => {
    using image = testImage(4 * MIB);
    using guest = new BlkGuest({ path: image.path });
    const bytes = pattern(MIB, 3);
    guest.write(0, bytes);
    const warm = guest.send(header(Type.in), 4097);
    assert.equal(warm.answers, 1);
    assert.equal(guest.ask(header(Type.flush), 1).status, 0);
    guest.device.backing.forgetCached?.();
    const cold = guest.send(header(Type.in), MIB + 1);
    assert.equal(cold.answers, 0);
    const answer = guest.answer(cold);
    assert.deepEqual([answer.status, answer.used], [0, MIB + 1]);
    assert.deepEqual(answer.data, bytes);
  });

  it('of what is there in part are put together', () => {
    using image = testImage(4 * MIB);
    using guest = new BlkGuest({ path: image.path });
    const bytes = pattern(MIB, 5);
    guest.write(0, bytes);
    guest.ask(header(Type.flush), 1);
    guest.device.backing.forgetCached?.();
    guest.read(0, 4096);
    assert.deepEqual(guest.read(0, MIB), bytes);
  });
});

describe('writes', () => {
  it('to the page cache are answered at once, until it makes them wait', (t) => {
    using image = testImage(MIB);
    using guest = new BlkGuest({ path: image.path });
    let now = 1000;
    let step = 0;
    t.mock.method(performance, 'now', () => {
      now += step;
      return now;
    });
    assert.equal(writing(guest, 0, pattern(4096, 1)).answers, 1);
    step = SLOW_WRITE + 1;
    assert.equal(writing(guest, 8, pattern(4096, 2)).answers, 1);
    step = 0;
    const relieved = writing(guest, 16, pattern(4096, 3));
    assert.equal(relieved.answers, 0, 'the lanes have the waiting');
    now += RELIEF;
    assert.equal(writing(guest, 24, pattern(4096, 4)).answers, 1);
    t.mock.restoreAll();
    assert.equal(guest.answer(relieved).status, 0);
    for (const [i, seed] of [1, 2, 3, 4].entries())
      assert.deepEqual(guest.read(8 * i, 4096), pattern(4096, seed));
  });

  it('are on the storage before they are answered where the driver has no write cache, and no way to flush', () => {
    using image = testImage(MIB);
    using guest = new BlkGuest({ path: image.path });
    const isLater = () => {
      const sent = writing(guest, 0, pattern(4096, 1));
      const later = sent.answers === 0;
      assert.equal(guest.answer(sent).status, 0);
      return later;
    };
    const FLUSH = 1n << 9n;
    const CONFIG_WCE = 1n << 11n;
    guest.device.negotiated(FLUSH | CONFIG_WCE);
    assert.equal(isLater(), false);
    guest.device.config.write(32, Uint8Array.of(0));
    assert.equal(isLater(), true);
    guest.device.config.write(32, Uint8Array.of(1));
    assert.equal(isLater(), false);
    guest.device.negotiated(FLUSH);
    assert.equal(isLater(), false);
    guest.device.negotiated(0n);
    assert.equal(isLater(), true);
  });
});
