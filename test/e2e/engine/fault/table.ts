import type { OutcomeName } from '../../../../src/engine/transfer/index.ts';
import type { FaultName } from './faults.ts';
import { PHASE_NAMES, type PhaseName } from './phases.ts';

/** How a transfer must end. */
export interface Expected {
  /** What each end says. A process that was killed says nothing. */
  readonly source: OutcomeName | 'killed';
  readonly destination: OutcomeName | 'killed';
  /**
   * Where the machine runs; `undecided`: it stands still at the source, which may not know better, and somebody decides;
   * `nowhere`: it went with its process.
   */
  readonly machine: 'source' | 'destination' | 'undecided' | 'nowhere';
}

function ends(
  source: Expected['source'],
  destination: Expected['destination'],
  machine: Expected['machine'],
): Expected {
  return { source, destination, machine };
}

const COMPLETED = ends('completed', 'completed', 'destination');
const FAILED = ends('failed', 'failed', 'source');
const CANCELLED = ends('cancelled', 'cancelled', 'source');

/** Until the source says `commit`, whatever ends the transfer leaves the machine at the source. */
const BEFORE: readonly PhaseName[] = PHASE_NAMES.slice(0, PHASE_NAMES.indexOf('commit'));

/** From the first hello on there are channels, and from the first pass on they may break. */
const WITH_CHANNELS: readonly PhaseName[] = PHASE_NAMES.slice(PHASE_NAMES.indexOf('pass 1'));
const WITH_PAGES: readonly PhaseName[] = ['pass 1', 'pass 2'];

type Row = Partial<Record<PhaseName, Expected>>;

function all(phases: readonly PhaseName[], expected: Expected, further: Row = {}): Row {
  return { ...Object.fromEntries(phases.map((phase) => [phase, expected])), ...further };
}

/** What is stated for each fault in each phase in which it can happen. */
export const TABLE: Readonly<Record<FaultName, Row>> = {
  'the source is killed': all(BEFORE, ends('killed', 'failed', 'nowhere'), {
    // What it said last arrives
    commit: ends('killed', 'completed', 'destination'),
    started: ends('killed', 'completed', 'destination'),
  }),
  'the destination is killed': all(BEFORE, ends('failed', 'killed', 'source'), {
    commit: ends('unknown', 'killed', 'undecided'),
    started: ends('unknown', 'killed', 'undecided'),
  }),
  'the source stands still': all(BEFORE, FAILED, {
    // The destination has given up, and says so, before it hears of it
    commit: FAILED,
    started: COMPLETED,
  }),
  'the destination stands still': all(BEFORE, FAILED, {
    commit: ends('unknown', 'completed', 'destination'),
    started: ends('unknown', 'completed', 'destination'),
  }),
  'the source cancels': all(BEFORE, CANCELLED, { commit: COMPLETED, started: COMPLETED }),
  'the destination cancels': all(BEFORE, CANCELLED, {
    // Its connection ends before it knows whom it could tell why
    open: ends('failed', 'cancelled', 'source'),
    commit: CANCELLED,
    started: COMPLETED,
  }),
  'the main connection is cut': all(BEFORE, FAILED, {
    commit: ends('unknown', 'failed', 'undecided'),
    started: ends('unknown', 'completed', 'destination'),
  }),
  'the main connection ends towards the destination': all(BEFORE, FAILED, {
    commit: FAILED,
    started: COMPLETED,
  }),
  'the main connection ends towards the source': all(BEFORE, FAILED, {
    commit: ends('unknown', 'completed', 'destination'),
    started: ends('unknown', 'completed', 'destination'),
  }),
  'the main connection carries nothing': all(BEFORE, FAILED, {
    commit: ends('unknown', 'failed', 'undecided'),
    started: ends('unknown', 'completed', 'destination'),
  }),
  'the main connection carries nothing to the destination': all(BEFORE, FAILED, {
    commit: FAILED,
    started: COMPLETED,
  }),
  'the main connection carries nothing to the source': all(BEFORE, FAILED, {
    commit: ends('unknown', 'completed', 'destination'),
    started: ends('unknown', 'completed', 'destination'),
  }),
  'a bit is flipped in a message': all(
    ['open', 'accept', 'switchover', 'last barrier', 'end', 'loaded'],
    FAILED,
    {
      commit: FAILED,
      started: ends('unknown', 'completed', 'destination'),
    },
  ),
  'a channel is cut': all(WITH_CHANNELS, COMPLETED, { hello: FAILED }),
  'a channel is cut each time': all(['hello', ...WITH_PAGES, 'switchover'], FAILED),
  'a channel is cut, and again as it comes back': all([...WITH_PAGES, 'switchover'], COMPLETED),
  'a channel ends early': all(WITH_CHANNELS, COMPLETED),
  'a channel stops in a packet': all([...WITH_PAGES, 'switchover'], COMPLETED),
  'a channel stops in a packet each time': all([...WITH_PAGES, 'switchover'], FAILED),
  // The destination waits for what may yet come, and for no longer than a barrier may take
  'a channel stops between packets': all(['hello', ...WITH_PAGES, 'switchover'], FAILED),
  'a bit is flipped in a hello': all(['hello'], FAILED),
  'a bit is flipped in a head': all([...WITH_PAGES, 'switchover', 'devices'], COMPLETED),
  'a bit is flipped in the flags of a packet': all([...WITH_PAGES, 'devices'], COMPLETED),
  'a bit is flipped in a header of pages': all([...WITH_PAGES, 'switchover'], COMPLETED),
  'a bit is flipped in a page': all([...WITH_PAGES, 'switchover'], COMPLETED),
  'a bit is flipped in a page that is cold': all(['pass 1'], COMPLETED),
  'a bit is flipped in a header of device state': all(['switchover', 'devices'], COMPLETED),
  'a bit is flipped in device state': all(['switchover', 'devices'], COMPLETED),
  'a bit is flipped in a checksum': all([...WITH_PAGES, 'switchover', 'devices'], COMPLETED),
  'a bit is flipped in a checksum each time': all(WITH_PAGES, FAILED),
  'strangers come': all(PHASE_NAMES, COMPLETED),
  'all comes in small pieces': all(['open'], COMPLETED),
};

/** A cell of the table. */
export interface Case {
  readonly phase: PhaseName;
  readonly fault: FaultName;
  readonly expected: Expected;
}

/** All of it, phase by phase. */
export const CASES: readonly Case[] = PHASE_NAMES.flatMap((phase) =>
  (Object.keys(TABLE) as FaultName[]).flatMap((fault) => {
    const expected = TABLE[fault][phase];
    return expected === undefined ? [] : [{ phase, fault, expected }];
  }),
);
