import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FerryError } from '../../src/errors.ts';
import { PHASE_NAMES, PHASES, PhaseLog, type PhaseName } from '../../src/migrate/index.ts';

/** Every arc there is, written down a second time. */
const ARCS = new Set([
  'connect check',
  'connect ended',
  'check prepare',
  'check ended',
  'prepare pre-copy',
  'prepare roll-back',
  'pre-copy switchover',
  'pre-copy roll-back',
  'switchover commit',
  'switchover roll-back',
  'switchover ended',
  'commit roll-back',
  'commit ended',
  'roll-back ended',
]);

/** A log that stands at `phase`, by the shortest way. */
function at(phase: PhaseName): PhaseLog {
  const ways: Record<PhaseName, PhaseName[]> = {
    connect: [],
    check: ['check'],
    prepare: ['check', 'prepare'],
    'pre-copy': ['check', 'prepare', 'pre-copy'],
    switchover: ['check', 'prepare', 'pre-copy', 'switchover'],
    commit: ['check', 'prepare', 'pre-copy', 'switchover', 'commit'],
    'roll-back': ['check', 'prepare', 'roll-back'],
    ended: ['ended'],
  };
  const log = new PhaseLog();
  for (const next of ways[phase]) log.advance(log.current, next);
  assert.equal(log.current, phase);
  return log;
}

test('the full matrix of phases: exactly the written arcs are taken', () => {
  for (const from of PHASE_NAMES)
    for (const to of PHASE_NAMES) {
      const log = at(from);
      if (ARCS.has(`${from} ${to}`)) {
        log.advance(from, to);
        assert.equal(log.current, to);
      } else
        assert.throws(
          () => log.advance(from, to),
          (error: unknown) => error instanceof FerryError && error.code === 'ERR_MIGRATE_PHASE',
          `${from} to ${to}`,
        );
    }
});

test('whoever is mistaken about the current phase does not get on', () => {
  const log = at('pre-copy');
  assert.throws(() => log.advance('switchover', 'commit'), /in phase pre-copy cannot go from switchover/);
  assert.equal(log.current, 'pre-copy');
});

test('the table cannot be changed', () => {
  assert.ok(Object.isFrozen(PHASES));
  for (const name of PHASE_NAMES) {
    assert.ok(Object.isFrozen(PHASES[name]));
    assert.ok(Object.isFrozen(PHASES[name].next));
  }
});

test('the guest may start at the destination in commit alone, and cancelling is never possible there', () => {
  for (const name of PHASE_NAMES) {
    const { guest, cancel, next } = PHASES[name];
    if (guest === 'destination') assert.equal(name, 'commit');
    if (name === 'commit' || name === 'roll-back' || name === 'ended') assert.equal(cancel, 'too-late');
    else assert.notEqual(cancel, 'too-late');
    if (next.includes('commit')) assert.equal(name, 'switchover');
  }
});

test('the times of the phases that are over', () => {
  let now = 0;
  const log = new PhaseLog(() => now);
  now = 12;
  log.advance('connect', 'check');
  now = 30;
  log.advance('check', 'ended');
  assert.deepEqual(log.times, [
    { phase: 'connect', ms: 12 },
    { phase: 'check', ms: 18 },
  ]);
});
