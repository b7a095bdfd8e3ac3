import { PhaseLog } from '../../state/index.ts';
import type { MessageKind } from './control/messages.ts';

export const SOURCE_PHASES = [
  'connect',
  'open',
  'setup',
  'pre-copy',
  'switchover',
  'loading',
  'commit',
  'roll-back',
  'ended',
] as const;

export const DESTINATION_PHASES = [
  'listen',
  'answer',
  'receive',
  'load',
  'ready',
  'start',
  'discard',
  'ended',
] as const;

export type SourcePhase = (typeof SOURCE_PHASES)[number];
export type DestinationPhase = (typeof DESTINATION_PHASES)[number];
export type PhaseName = SourcePhase | DestinationPhase;

/** What is true of a phase, whatever the machine. */
export interface PhaseRule<N extends PhaseName = PhaseName> {
  /** Phases that may follow. */
  readonly next: readonly N[];
  /**
   * What a cancellation from this end does: `at-once` ends the transfer with nothing touched, `rolls-back` undoes what was
   * done, `too-late` lets the phase finish.
   */
  readonly cancel: 'at-once' | 'rolls-back' | 'too-late';
  /**
   * What a failure does, such as a peer that is gone: it `ends` the transfer, is followed by what undoes it, or leaves
   * `unknown` what happened. `none`: nothing is waited for whose failure would change the outcome.
   */
  readonly failure: 'ends' | 'rolls-back' | 'unknown' | 'none';
  /** Where the machine may run; `nowhere` while it stands still. */
  readonly machine: 'source' | 'nowhere' | 'destination' | 'one-side';
  /** What the peer may say. Anything else ends the transfer as failed. */
  readonly hears: readonly MessageKind[];
}

type Facts = Omit<PhaseRule, 'next' | 'hears'>;

function rule<N extends PhaseName>(
  facts: Facts,
  next: readonly N[],
  hears: readonly MessageKind[],
): PhaseRule<N> {
  return Object.freeze({ ...facts, next: Object.freeze(next), hears: Object.freeze(hears) });
}

const untouched: Facts = { cancel: 'at-once', failure: 'ends', machine: 'source' };
const begun: Facts = { cancel: 'rolls-back', failure: 'rolls-back', machine: 'source' };
const stopped: Facts = { cancel: 'rolls-back', failure: 'rolls-back', machine: 'nowhere' };
const handedOver: Facts = { cancel: 'too-late', failure: 'unknown', machine: 'destination' };
const undoing: Facts = { cancel: 'too-late', failure: 'none', machine: 'source' };
const over: Facts = { cancel: 'too-late', failure: 'none', machine: 'one-side' };

/** Either end may say these as long as it waits for anything. */
const EITHER: readonly MessageKind[] = ['keep-alive', 'cancel', 'failed'];
/** What the destination says unasked. */
const UNASKED: readonly MessageKind[] = ['credit', 'received', 'device-loaded', 'channel-lost'];

/**
 * The source. The machine stands still from `switchover` on. In `commit` the word that hands it over has been said: from
 * there on it runs here again only if the destination says, by `cancel` or `failed`, that it never started it and never
 * will; a destination that is silent or gone leaves the outcome unknown. A
 * folder takes the machine without a word: `loading` ends there when everything is on disk. In `roll-back` and `ended` nothing is listened to.
 */
export const SOURCE: Readonly<Record<SourcePhase, PhaseRule<SourcePhase>>> = Object.freeze({
  connect: rule(untouched, ['open', 'ended'], EITHER),
  open: rule(untouched, ['setup', 'ended'], [...EITHER, 'accept', 'refuse', ...UNASKED]),
  setup: rule(begun, ['pre-copy', 'roll-back'], [...EITHER, 'barrier-done', ...UNASKED]),
  'pre-copy': rule(begun, ['switchover', 'roll-back'], [...EITHER, 'barrier-done', ...UNASKED]),
  switchover: rule(stopped, ['loading', 'roll-back'], [...EITHER, 'barrier-done', ...UNASKED]),
  loading: rule(stopped, ['commit', 'roll-back', 'ended'], [...EITHER, 'loaded', ...UNASKED]),
  commit: rule(handedOver, ['roll-back', 'ended'], [...EITHER, 'started', ...UNASKED]),
  'roll-back': rule(undoing, ['ended'], []),
  ended: rule(over, [], []),
});

/**
 * The destination. It starts the machine in `start` and nowhere else, which only the source's `commit` leads to, or the
 * end of a folder. There only the machine itself can make it fail: by saying that it does not run and never will, which is
 * followed by `discard`, or by not saying anything, which leaves the outcome unknown. Once it has said `cancel` or `failed` it is past listening, so that no `commit` can reach it.
 */
export const DESTINATION: Readonly<Record<DestinationPhase, PhaseRule<DestinationPhase>>> = Object.freeze({
  listen: rule(untouched, ['answer', 'ended'], []),
  answer: rule(untouched, ['receive', 'ended'], [...EITHER, 'open', 'barrier']),
  receive: rule(begun, ['load', 'discard'], [...EITHER, 'barrier', 'switchover', 'end']),
  load: rule(stopped, ['ready', 'discard'], EITHER),
  ready: rule(stopped, ['start', 'discard'], [...EITHER, 'commit']),
  start: rule(handedOver, ['ended', 'discard'], EITHER),
  discard: rule(undoing, ['ended'], []),
  ended: rule(over, [], []),
});

/** The log of a source's phases. */
export function sourceLog(now?: () => number): PhaseLog<SourcePhase> {
  return new PhaseLog('A transfer at its source', 'ERR_TRANSFER_PHASE', SOURCE, 'connect', now);
}

/** The log of a destination's phases. */
export function destinationLog(now?: () => number): PhaseLog<DestinationPhase> {
  return new PhaseLog('A transfer at its destination', 'ERR_TRANSFER_PHASE', DESTINATION, 'listen', now);
}
