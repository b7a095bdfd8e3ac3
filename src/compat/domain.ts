import type { ParameterType } from './value.ts';

/** Whole numbers from `min` to `max`, both included. */
export interface Interval {
  readonly min: bigint;
  readonly max: bigint;
}

/**
 * The set of values that an implementation takes for a parameter. `any` is what the RFC leaves open: any value of the type
 * may be given, and the implementation may refuse it.
 */
export type Domain =
  | { readonly kind: 'bool'; readonly on: boolean; readonly off: boolean }
  /** Sorted, disjoint, and with a gap between neighbours. */
  | { readonly kind: 'int'; readonly intervals: readonly Interval[] }
  | { readonly kind: 'str'; readonly values: ReadonlySet<string> }
  | { readonly kind: 'any'; readonly type: Exclude<ParameterType, 'bool'> };
