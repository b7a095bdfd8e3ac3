/** What implementations have in common: the fold over what each says of one parameter. */
import {
  type BoxDomain,
  complement,
  contains,
  domainOf,
  emptyDomain,
  intersect,
  isEmpty,
} from '../domain.ts';
import type { Parameter } from '../model.ts';
import type { ParameterType, Value } from '../value.ts';
import type { Entry } from './column.ts';

/** What some implementations together say of one parameter. The fold does not depend on their order. */
export interface Common {
  /** Whether one of them has no such parameter, so that it has to be absent from the list. */
  readonly absent: boolean;
  /** Whether one of them cannot switch it off, so that it has to be in the list. */
  readonly fixed: boolean;
  /** What it is to those that have it: undefined where none does. */
  readonly taken: { readonly type: ParameterType; readonly domain: BoxDomain } | undefined;
  /** What switches it off; undefined where none of them can. */
  readonly off: Value | undefined;
}

/** What nobody says anything of. */
export const NOTHING: Common = { absent: false, fixed: false, taken: undefined, off: undefined };

/**
 * `common` and one implementation more: its parameter, or undefined where it has none. Undefined where they can never
 * agree, because their types differ or both switch the parameter off by different values (condition 5).
 */
export function join(common: Common, parameter: Parameter | undefined): Common | undefined {
  if (parameter === undefined) return { ...common, absent: true };
  const { type, domain, off } = parameter;
  if (common.taken !== undefined && common.taken.type !== type) return undefined;
  if (common.off !== undefined && off !== undefined && common.off !== off) return undefined;
  return {
    absent: common.absent,
    fixed: common.fixed || off === undefined,
    taken: { type, domain: common.taken === undefined ? domain : intersect(common.taken.domain, domain) },
    off: common.off ?? off,
  };
}

/**
 * The values that all of them take, and give the same list for. Where one has no such parameter that is the off value
 * alone. Where one cannot switch it off, the off value of the others is not among them: they would leave it out of
 * their lists, and that one does not take a list without it. Undefined where none has the parameter.
 */
export function permitted({ absent, fixed, taken, off }: Common): BoxDomain | undefined {
  if (taken === undefined) return undefined;
  if (absent) return off === undefined || fixed ? emptyDomain(taken.type) : domainOf(off);
  return fixed && off !== undefined ? intersect(taken.domain, complement(domainOf(off))) : taken.domain;
}

/** Whether there is a value that all of them take, or none of them needs one. */
export function agree(common: Common): boolean {
  const domain = permitted(common);
  return domain === undefined || !isEmpty(domain);
}

/**
 * Whether an implementation with `parameter`, or without one, takes `entry` and would give the same entry itself: only
 * then can a device go to it and on from it.
 */
export function takes(parameter: Parameter | undefined, { value, off }: Entry): boolean {
  if (parameter === undefined) return value === undefined;
  if (parameter.off === undefined) return value !== undefined && contains(parameter.domain, value);
  if (parameter.off !== off) return false;
  return value === undefined || (value !== off && contains(parameter.domain, value));
}
