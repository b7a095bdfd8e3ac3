import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Heartbeat } from '../../../src/launch/heartbeat.ts';

describe('a heartbeat', () => {
  it('tells the longest gap by the clock here and by the guest’s', () => {
    const heart = new Heartbeat();
    heart.beat(1, 1000, 10);
    heart.beat(2, 6000, 15);
    heart.beat(3, 11_000, 315); // The guest stood still for 300 ms and did not notice
    heart.beat(4, 31_000, 335);
    assert.deepEqual(heart.report(), {
      beats: 4,
      missing: 0,
      repeated: 0,
      longestGap: 300,
      longestGuestGap: 20,
      gapEnd: 315,
    });
  });

  it('counts beats that never came, and takes a guest that was set back for what it is', () => {
    const heart = new Heartbeat();
    heart.beat(10, 50_000, 0);
    heart.beat(14, 70_000, 20);
    assert.equal(heart.report().missing, 3);
    heart.beat(11, 55_000, 40);
    heart.beat(12, 60_000, 45);
    assert.deepEqual(heart.report(), {
      beats: 4,
      missing: 3,
      repeated: 2,
      longestGap: 20,
      longestGuestGap: 20,
      gapEnd: 20,
    });
    heart.reset();
    assert.equal(heart.report().beats, 0);
  });

  it('tells when two copies of a guest beat', () => {
    const heart = new Heartbeat();
    for (const [arrival, count] of [7, 8, 9, 8, 10, 9, 11].entries())
      heart.beat(count, count * 1000, arrival);
    assert.equal(heart.report().repeated, 2);
  });
});
