import type { Passage } from './link.ts';

/** Whether a part is the one with which a phase is there. Asked about every part of a transfer, in the order they pass. */
type Watch = (passage: Passage) => boolean;

/** The `count`th part for which `matches` is true. */
function nth(count: number, matches: Watch): Watch {
  let left = count;
  return (passage) => matches(passage) && --left === 0;
}

/** The packet of memory with that number in a pass; the first barrier there is stands before all passes. */
function inPass(pass: number, packet: number): Watch {
  let barriers = 0;
  const comes = nth(
    packet,
    ({ name, direction }) => barriers === pass && name === 'ram-header' && direction === 'forth',
  );
  return (passage) => {
    if (passage.message === 'barrier') barriers++;
    return comes(passage);
  };
}

/** A barrier behind the stop of the machine. */
function lastBarrier(): Watch {
  let stopped = false;
  return ({ message }) => {
    stopped ||= message === 'switchover';
    return stopped && message === 'barrier';
  };
}

function says(message: NonNullable<Passage['message']>): () => Watch {
  return () => nth(1, (passage) => passage.message === message);
}

/**
 * The phases of a transfer, each by the part that is about to pass when something happens. Each is made anew for a transfer.
 */
export const PHASES = {
  /** The source has connected, and proposes what it has. */
  open: says('open'),
  /** The destination agrees. */
  accept: says('accept'),
  /** The first channel says what it is. */
  hello: () => nth(1, ({ name, direction }) => name === 'hello' && direction === 'forth'),
  /** The first pass over memory has begun. */
  'pass 1': () => inPass(1, 2),
  /** Memory that was written to is sent again. */
  'pass 2': () => inPass(2, 1),
  /** The machine stands still at the source. */
  switchover: says('switchover'),
  /** Some of the devices' state is there, and more is coming. */
  devices: () => nth(3, ({ name, direction }) => name === 'device-header' && direction === 'forth'),
  'last barrier': () => nth(1, lastBarrier()),
  /** All that there is was sent. */
  end: says('end'),
  /** All of it has been loaded. */
  loaded: says('loaded'),
  /** The machine is handed over. */
  commit: says('commit'),
  /** It runs at the destination. */
  started: says('started'),
} as const satisfies Record<string, () => Watch>;

export type PhaseName = keyof typeof PHASES;

export const PHASE_NAMES = Object.keys(PHASES) as readonly PhaseName[];
