/** The rules between parameters (`x-constraints`), evaluated on values. */
import { contains, intersect, nearest } from './domain.ts';
import type { Box, Constraint, Model, Parameter } from './model.ts';
import { compareBytes, type Value } from './value.ts';
import type { Answer } from './verdict.ts';

/** The value of the parameter `name`; undefined where it has none, which proves nothing. */
export type ValueOf = (name: string) => Value | undefined;

/** Whether the values lie in one of the boxes: yes, no, or unproven where the boxes or a value of theirs are not known. */
export function holds({ boxes }: Constraint, valueFor: ValueOf): Answer {
  if (boxes === 'beyond') return 'unproven';
  let answer: Answer = 'no';
  for (const box of boxes) {
    const inside = liesIn(box, valueFor);
    if (inside === 'yes') return 'yes';
    if (inside === 'unproven') answer = 'unproven';
  }
  return answer;
}

function liesIn(box: Box, valueFor: ValueOf): Answer {
  let answer: Answer = 'yes';
  for (const [name, domain] of box) {
    const value = valueFor(name);
    if (value === undefined) answer = 'unproven';
    else if (!contains(domain, value)) return 'no';
  }
  return answer;
}

/** The names that a rule is about, sorted as its boxes have them. */
export function namesIn({ boxes }: Constraint): string[] {
  return boxes === 'beyond' ? [] : [...new Set(boxes.flatMap((box) => [...box.keys()]))].sort(compareBytes);
}

/**
 * The least that would have to change for `broken` to hold, so that all other rules of `model` hold as well: values by
 * name. Fewer parameters come first, then those that `prefers` likes, then those that stay in effect, then what a rule
 * demands before what it starts from. Undefined where no change of one box's parameters is enough.
 */
export function leastChange(
  broken: Constraint,
  model: Model,
  valueFor: ValueOf,
  takes: (parameter: Parameter, value: Value) => boolean,
  prefers: (name: string) => boolean,
): ReadonlyMap<string, Value> | undefined {
  let best: { values: ReadonlyMap<string, Value>; cost: number } | undefined;
  for (const box of broken.boxes === 'beyond' ? [] : broken.boxes) {
    const values = moveInto(box, model, valueFor, takes);
    if (values === undefined) continue;
    const cost = costOf(values, model, prefers);
    if (best !== undefined && best.cost < cost) continue;
    const after: ValueOf = (name) => values.get(name) ?? valueFor(name);
    if (model.constraints.every((rule) => holds(rule, after) !== 'no')) best = { values, cost };
  }
  return best?.values;
}

function moveInto(
  box: Box,
  { parameters }: Model,
  valueFor: ValueOf,
  takes: (parameter: Parameter, value: Value) => boolean,
): Map<string, Value> | undefined {
  const values = new Map<string, Value>();
  for (const [name, domain] of box) {
    const [value, parameter] = [valueFor(name), parameters.get(name)];
    if (value === undefined || parameter === undefined) return undefined;
    if (contains(domain, value)) continue;
    const moved = nearest(intersect(domain, parameter.domain), value);
    if (moved === undefined || !takes(parameter, moved)) return undefined;
    values.set(name, moved);
  }
  return values;
}

function costOf(
  values: ReadonlyMap<string, Value>,
  model: Model,
  prefers: (name: string) => boolean,
): number {
  let cost = 0;
  for (const [name, value] of values)
    cost += 4 + (prefers(name) ? 0 : 2) + (value === model.parameters.get(name)?.off ? 1 : 0);
  return cost;
}
