import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MESSAGE_KINDS, type Message } from '../../../src/engine/transfer/control/messages.ts';
import {
  DESTINATION,
  DESTINATION_PHASES,
  type DestinationPhase,
  destinationLog,
  type PhaseRule,
  SOURCE,
  SOURCE_PHASES,
  type SourcePhase,
  sourceLog,
} from '../../../src/engine/transfer/phases.ts';
import { FerryError } from '../../../src/errors.ts';

/** Every arc there is, written down a second time. */
const SOURCE_ARCS = [
  'connect open',
  'connect ended',
  'open setup',
  'open ended',
  'setup pre-copy',
  'setup roll-back',
  'pre-copy switchover',
  'pre-copy roll-back',
  'switchover loading',
  'switchover roll-back',
  'loading commit',
  'loading ended',
  'loading roll-back',
  'commit roll-back',
  'commit ended',
  'roll-back ended',
];

const DESTINATION_ARCS = [
  'listen answer',
  'listen ended',
  'answer receive',
  'answer ended',
  'receive load',
  'receive discard',
  'load ready',
  'load discard',
  'ready start',
  'ready discard',
  'start ended',
  'start discard',
  'discard ended',
];

const SOURCE_WAYS: Record<SourcePhase, SourcePhase[]> = {
  connect: [],
  open: ['open'],
  setup: ['open', 'setup'],
  'pre-copy': ['open', 'setup', 'pre-copy'],
  switchover: ['open', 'setup', 'pre-copy', 'switchover'],
  loading: ['open', 'setup', 'pre-copy', 'switchover', 'loading'],
  commit: ['open', 'setup', 'pre-copy', 'switchover', 'loading', 'commit'],
  'roll-back': ['open', 'setup', 'roll-back'],
  ended: ['ended'],
};

const DESTINATION_WAYS: Record<DestinationPhase, DestinationPhase[]> = {
  listen: [],
  answer: ['answer'],
  receive: ['answer', 'receive'],
  load: ['answer', 'receive', 'load'],
  ready: ['answer', 'receive', 'load', 'ready'],
  start: ['answer', 'receive', 'load', 'ready', 'start'],
  discard: ['answer', 'receive', 'discard'],
  ended: ['ended'],
};

function walkMatrix<N extends string>(
  names: readonly N[],
  arcs: readonly string[],
  ways: Record<N, N[]>,
  make: () => { current: N; advance(from: N, to: N): void },
): void {
  for (const from of names)
    for (const to of names) {
      const log = make();
      for (const next of ways[from]) log.advance(log.current, next);
      assert.equal(log.current, from);
      if (arcs.includes(`${from} ${to}`)) {
        log.advance(from, to);
        assert.equal(log.current, to);
      } else
        assert.throws(
          () => log.advance(from, to),
          (error: unknown) => error instanceof FerryError && error.code === 'ERR_TRANSFER_PHASE',
          `${from} to ${to}`,
        );
    }
}

test('the full matrix of phases at the source: exactly the written arcs are taken', () => {
  walkMatrix(SOURCE_PHASES, SOURCE_ARCS, SOURCE_WAYS, sourceLog);
});

test('the full matrix of phases at the destination: exactly the written arcs are taken', () => {
  walkMatrix(DESTINATION_PHASES, DESTINATION_ARCS, DESTINATION_WAYS, destinationLog);
});

/** What may be heard in which phase, written down a second time; every phase that listens hears the first three. */
const SOURCE_HEARS: Partial<Record<Message['kind'], SourcePhase[]>> = {
  accept: ['open'],
  refuse: ['open'],
  'barrier-done': ['setup', 'pre-copy', 'switchover'],
  credit: ['open', 'setup', 'pre-copy', 'switchover', 'loading', 'commit'],
  received: ['open', 'setup', 'pre-copy', 'switchover', 'loading', 'commit'],
  'device-loaded': ['open', 'setup', 'pre-copy', 'switchover', 'loading', 'commit'],
  'channel-lost': ['open', 'setup', 'pre-copy', 'switchover', 'loading', 'commit'],
  loaded: ['loading'],
  started: ['commit'],
};

const DESTINATION_HEARS: Partial<Record<Message['kind'], DestinationPhase[]>> = {
  open: ['answer'],
  barrier: ['answer', 'receive'],
  switchover: ['receive'],
  end: ['receive'],
  commit: ['ready'],
};

test('the full matrix of phases and messages: each end hears exactly what belongs there', () => {
  const always = ['keep-alive', 'cancel', 'failed'];
  for (const kind of MESSAGE_KINDS) {
    for (const phase of SOURCE_PHASES) {
      const listens = phase !== 'roll-back' && phase !== 'ended';
      const wanted = always.includes(kind) ? listens : (SOURCE_HEARS[kind]?.includes(phase) ?? false);
      assert.equal(SOURCE[phase].hears.includes(kind), wanted, `source, ${kind} in ${phase}`);
    }
    for (const phase of DESTINATION_PHASES) {
      const listens = phase !== 'listen' && phase !== 'discard' && phase !== 'ended';
      const wanted = always.includes(kind) ? listens : (DESTINATION_HEARS[kind]?.includes(phase) ?? false);
      assert.equal(DESTINATION[phase].hears.includes(kind), wanted, `destination, ${kind} in ${phase}`);
    }
  }
});

test('the tables cannot be changed', () => {
  for (const table of [SOURCE, DESTINATION]) {
    assert.ok(Object.isFrozen(table));
    for (const rule of Object.values<PhaseRule>(table)) {
      assert.ok(Object.isFrozen(rule));
      assert.ok(Object.isFrozen(rule.next));
      assert.ok(Object.isFrozen(rule.hears));
    }
  }
});

test('only what was handed over can be unknown, and nothing is cancelled from there on', () => {
  for (const phase of SOURCE_PHASES) {
    const { cancel, failure, machine, next } = SOURCE[phase];
    assert.equal(failure === 'unknown', phase === 'commit');
    assert.equal(machine === 'destination', phase === 'commit');
    assert.equal(cancel === 'too-late', ['commit', 'roll-back', 'ended'].includes(phase));
    assert.equal(next.includes('commit'), phase === 'loading');
    if (failure === 'rolls-back') assert.ok(next.includes('roll-back'), phase);
    if (failure === 'ends') assert.ok(next.includes('ended'), phase);
  }
  for (const phase of DESTINATION_PHASES) {
    const { cancel, failure, machine, next } = DESTINATION[phase];
    assert.equal(failure === 'unknown', phase === 'start');
    assert.equal(machine === 'destination', phase === 'start');
    assert.equal(cancel === 'too-late', ['start', 'discard', 'ended'].includes(phase));
    assert.equal(next.includes('start'), phase === 'ready');
    if (failure === 'rolls-back') assert.ok(next.includes('discard'), phase);
    if (failure === 'ends') assert.ok(next.includes('ended'), phase);
  }
});
