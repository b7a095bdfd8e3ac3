import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SpinPolicy } from '../../../src/device/spin.ts';

const WINDOW = 0.02;

/** Spins of an idle device that gets a request every `gap` milliseconds, out of a thousand chances. */
function spins(gap: number, policy = new SpinPolicy(WINDOW)): number {
  let spun = 0;
  for (let i = 0; i < 1_000; i++) {
    const { window } = policy;
    if (window > 0) spun++;
    if (gap <= window) policy.caught();
    else policy.missed(gap);
  }
  return spun;
}

test('requests that come within the window are always waited for by spinning', () => {
  assert.equal(spins(WINDOW / 2), 1_000);
});

test('requests that come now and then cost next to no spinning', () => {
  assert.ok(spins(1) <= 4);
  assert.ok(spins(WINDOW * 6) <= 4);
});

test('after a quiet time spinning is found worth it again when requests follow each other', () => {
  const policy = new SpinPolicy(WINDOW);
  spins(1, policy);
  assert.equal(policy.window, 0);
  // Each of these would have been caught, but for the time it takes to wake
  for (let i = 0; i < 20 && policy.window === 0; i++) policy.missed(WINDOW * 3);
  assert.equal(policy.window, WINDOW);
  assert.equal(spins(WINDOW / 2, policy), 1_000);
});

test('requests just beyond the window are tried for some of the time only', () => {
  const spun = spins(WINDOW * 2);
  assert.ok(spun > 0 && spun < 500, `${spun} of 1000`);
});

test('switched off, it never spins', () => {
  const policy = new SpinPolicy(0);
  assert.equal(spins(0.001, policy), 0);
  assert.equal(policy.window, 0);
});
