/** What to choose for one parameter among the values that suit all. */
import { type BoxDomain, contains, extreme, nearest, quoteValue } from '../domain.ts';
import type { Parameter } from '../model.ts';
import type { Value } from '../value.ts';
import { compareValues } from './counter.ts';

/** What decided on a value. */
export const RULES = [
  /** It is in the newest profile that all take. */
  'profile',
  /** `x-prefer` asks for it. */
  'prefer',
  /** The most modern implementation starts with it. */
  'modern',
  /** Most implementations start with it. */
  'common',
  /** The parameter is switched off. */
  'off',
  /** It is the nearest to what the most modern one starts with. */
  'nearest',
  /** It is part of what most implementations take. */
  'most',
] as const;

export type Rule = (typeof RULES)[number];

/** What the implementations that a choice is for would like for one parameter. */
export interface Wishes {
  /** What the most modern one that has the parameter says, and its first id. */
  readonly leader: { readonly parameter: Parameter; readonly id: string };
  /** Initial values, those of most implementations first. */
  readonly initial: readonly { readonly value: Value; readonly count: number }[];
  /** What most of those that can switch it off do that by. */
  readonly off: Value | undefined;
  /** `x-prefer` of the most modern one that has it; undefined where nobody says what it takes: then no end means anything. */
  readonly prefer: 'max' | 'min' | undefined;
}

/** A value, and why it is this one. */
export interface Preferred {
  readonly value: Value;
  readonly rule: Rule;
  /** One sentence for people. */
  readonly message: string;
}

/**
 * The value in `domain` that the implementations would like best: what `x-prefer` asks for, the initial value of the
 * most modern one, that of most, the off value, then what is nearest to the first of these. Bigger is never better by
 * itself. Undefined where the domain is empty, or nothing is known of it but what does not lie in it.
 */
export function preferred(domain: BoxDomain, wishes: Wishes): Preferred | undefined {
  const { leader, initial, off, prefer } = wishes;
  const end = prefer && extreme(domain, prefer);
  if (prefer !== undefined && end !== undefined)
    return { value: end, rule: 'prefer', message: `The ${prefer}imum that all take, as x-prefer asks` };
  const { init } = leader.parameter;
  if (contains(domain, init))
    return {
      value: init,
      rule: 'modern',
      message: `What a new device has at ${leader.id}, the most modern one`,
    };
  const common = initial.find(({ value }) => contains(domain, value));
  if (common !== undefined)
    return {
      value: common.value,
      rule: 'common',
      message: `What a new device has at ${common.count} of them`,
    };
  if (off !== undefined && contains(domain, off))
    return { value: off, rule: 'off', message: 'Switched off: nothing that has an effect suits all' };
  const value = nearest(domain, init) ?? first(domain);
  if (value === undefined) return undefined;
  return {
    value,
    rule: 'nearest',
    message: `All take it, and it is the nearest to ${quoteValue(init)} of ${leader.id}`,
  };
}

function first(domain: BoxDomain): Value | undefined {
  return domain.kind === 'str' ? [...domain.values].sort(compareValues)[0] : undefined;
}
