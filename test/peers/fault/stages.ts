import { afterBytes, beforeLastWord, beforeState } from '../../guest/index.ts';
import type { Attempt, AttemptOptions } from './world.ts';

const EARLY = 16 << 20;

/** Something that goes wrong, or is done, in the middle of a move; the stream stands still until it is done. */
export type Act = (attempt: Attempt) => unknown;

type Stage = (act: Act) => Pick<AttemptOptions, 'taps'>;

/** The stages of a move at which something can be done for certain, because the stream between the QEMUs tells them. */
export const STAGES = {
  'in pre-copy': (act) => ({ taps: (attempt) => ({ forward: afterBytes(EARLY, () => act(attempt())) }) }),
  'as its load begins': (act) => ({ taps: (attempt) => ({ forward: beforeState(() => act(attempt())) }) }),
  'after its load, before its last word': (act) => ({
    taps: (attempt) => ({ back: beforeLastWord(() => act(attempt())) }),
  }),
} as const satisfies Record<string, Stage>;
