import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DeviceState, isReachable, Lifecycle, NEXT_HOP } from '../../../src/state/index.ts';

const states = Object.keys(NEXT_HOP) as DeviceState[];

/** The arcs of VFIO's migration protocol version 2, and the reset that leaves `error`. */
const arcs: ReadonlySet<string> = new Set([
  'running>running-p2p',
  'running-p2p>running',
  'running-p2p>stop',
  'stop>running-p2p',
  'stop>stop-copy',
  'stop-copy>stop',
  'stop>resuming',
  'resuming>stop',
  'running>pre-copy',
  'pre-copy>running',
  'pre-copy>pre-copy-p2p',
  'pre-copy-p2p>pre-copy',
  'pre-copy-p2p>running-p2p',
  'running-p2p>pre-copy-p2p',
  'pre-copy-p2p>stop-copy',
  'error>stop',
]);

const pairs = states.flatMap((from) => states.map((to) => [from, to] as const));

for (const [from, to] of pairs)
  test(`advance from ${from} to ${to}`, () => {
    const lifecycle = new Lifecycle(from);
    const possible = arcs.has(`${from}>${to}`) || (to === 'error' && from !== 'error');
    if (possible) {
      lifecycle.advance(from, to);
      assert.equal(lifecycle.state, to);
    } else {
      assert.throws(() => lifecycle.advance(from, to), { code: 'ERR_LIFECYCLE' });
      assert.equal(lifecycle.state, from);
    }
  });

test('advance insists on where the device is', () => {
  const lifecycle = new Lifecycle('stop');
  assert.throws(() => lifecycle.advance('stop-copy', 'stop'), {
    code: 'ERR_LIFECYCLE',
    message: /state stop/,
  });
  assert.equal(lifecycle.state, 'stop');
});

test('the next hops follow arcs and arrive, or end in error', () => {
  for (const [from, to] of pairs) {
    let at = from;
    for (let hops = 0; at !== to; hops++) {
      assert.ok(hops < states.length, `${from} to ${to} goes round in circles`);
      const next = NEXT_HOP[at][to];
      if (next === 'error') break;
      assert.ok(arcs.has(`${at}>${next}`), `${at} to ${next} is no arc`);
      at = next;
    }
    assert.equal(at === to, isReachable(from, to), `${from} to ${to}`);
  }
});

test('no way leads back from stop-copy into pre-copy, nor from error anywhere but stop', () => {
  for (const to of ['pre-copy', 'pre-copy-p2p'] as const) {
    const lifecycle = new Lifecycle('stop-copy');
    assert.throws(() => lifecycle.reach(to), { code: 'ERR_LIFECYCLE' });
    assert.equal(lifecycle.state, 'stop-copy');
  }
  const failed = new Lifecycle('error');
  for (const to of states.filter((state) => state !== 'error' && state !== 'stop'))
    assert.throws(() => failed.reach(to), { code: 'ERR_LIFECYCLE' });
  failed.reach('stop');
  assert.equal(failed.state, 'stop');
});

test('the table cannot be changed', () => {
  for (const state of states) assert.ok(Object.isFrozen(NEXT_HOP[state]));
  assert.ok(Object.isFrozen(NEXT_HOP));
});
