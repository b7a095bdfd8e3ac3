/** What implementations say, counted: the words in which a choice is made. */
import type { Parameter } from '../model.ts';
import type { Value } from '../value.ts';
import type { Variant } from './variants.ts';

/** Those implementations of one variant that a choice is for. */
export interface Member {
  readonly variant: Variant;
  /** Its first id, by their bytes. */
  readonly first: string;
  count: number;
}

/** One way to describe a parameter, and how many implementations do so. */
export interface Opinion {
  readonly stance: number;
  readonly parameter: Parameter;
  readonly count: number;
}

/** What is said about one parameter. */
export interface Column {
  readonly name: string;
  readonly index: number;
  readonly opinions: readonly Opinion[];
  /** How many have no such parameter. */
  readonly absent: number;
}

/**
 * What a list says about one parameter. `value` undefined: it is not in the list. `off` is what switches it off where
 * the list comes from; undefined: nothing does.
 */
export interface Entry {
  readonly value: Value | undefined;
  readonly off: Value | undefined;
}
