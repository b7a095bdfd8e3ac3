/** The one list that suits every implementation of a field. */
import type { BoxDomain } from '../domain.ts';
import type { Constraint } from '../model.ts';
import { compareBytes, type Value } from '../value.ts';
import { commonOf } from './agreement.ts';
import { type Candidate, named, needsVersion, takers, valueIn } from './candidates.ts';
import type { Column, Entry } from './column.ts';
import { permitted } from './common.ts';
import { compareValues } from './counter.ts';
import type { Field } from './field.ts';
import { type Preferred, preferred, type Rule, type Wishes } from './preference.ts';
import { search } from './search.ts';
import { constraintText } from './variants.ts';

/** A list for all, and why each parameter is what it is. */
export interface Settled {
  readonly candidate: Candidate;
  readonly values: ReadonlyMap<string, Preferred>;
}

/**
 * What suits all of `field`: the newest profile that all take; else for each parameter what `preferred` says, moved as
 * little as the rules between parameters ask for. `none`: nothing does. `beyond`: nothing was found within the limits of
 * the search.
 */
export function settle(field: Field): Settled | 'none' | 'beyond' {
  for (const candidate of named(field))
    if (takers(field, candidate).size === field.members.length)
      return settledOn(candidate, 'profile', `As in ${candidate.profile}, the newest profile that all take`);
  if (field.members.some(needsVersion)) return 'none';
  const space = new Map<string, BoxDomain>();
  const wishes = new Map<string, Wishes>();
  const offs = new Map<string, Value | undefined>();
  for (const column of field.columns) {
    const common = commonOf(column);
    const domain = common && permitted(common);
    if (common === undefined || domain === undefined) return 'none';
    offs.set(column.name, common.off);
    space.set(column.name, domain);
    wishes.set(column.name, wishesFor(field, column, common.off));
  }
  const found = search(space, rulesOf(field), (name, domain) => preferred(domain, wishes.get(name)!));
  if (found === 'none' || found === 'beyond') return found;
  const entries = new Map<string, Entry>();
  for (const [name, { value }] of found) {
    const off = offs.get(name);
    entries.set(name, { value: value === off ? undefined : value, off });
  }
  return { candidate: { entries, version: undefined }, values: found };
}

/** `candidate` as what was settled on, for one reason. */
export function settledOn(candidate: Candidate, rule: Rule, message: string): Settled {
  const values = new Map<string, Preferred>();
  for (const [name, entry] of candidate.entries ?? []) {
    const value = valueIn(entry);
    if (value !== undefined) values.set(name, { value, rule, message });
  }
  return { candidate, values };
}

/** The rules of all members, each once, in one order. */
export function rulesOf(field: Field): Constraint[] {
  const rules = new Map<string, Constraint>();
  for (const offer of new Set(field.members.map(({ variant }) => variant.offer)))
    for (const rule of offer.constraints) rules.set(constraintText(rule), rule);
  return [...rules].sort(([a], [b]) => compareBytes(a, b)).map(([, rule]) => rule);
}

function wishesFor(field: Field, column: Column, off: Value | undefined): Wishes {
  const leader = field.order.find((member) => field.parameterOf(member, column) !== undefined)!;
  const bounded = column.opinions.some(({ parameter }) => parameter.domain.kind !== 'any');
  const asked = column.opinions.some(({ parameter }) => parameter.prefer !== undefined)
    ? field.order.find((member) => field.parameterOf(member, column)?.prefer !== undefined)
    : undefined;
  const counts = new Map<Value, number>();
  for (const { parameter, count } of column.opinions)
    counts.set(parameter.init, (counts.get(parameter.init) ?? 0) + count);
  return {
    leader: { parameter: field.parameterOf(leader, column)!, id: leader.first },
    initial: [...counts]
      .map(([value, count]) => ({ value, count }))
      .sort((a, b) => b.count - a.count || compareValues(a.value, b.value)),
    off,
    prefer: asked && bounded ? field.parameterOf(asked, column)?.prefer : undefined,
  };
}
