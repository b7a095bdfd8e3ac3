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

/** What a change of values may be. */
export interface Wishes {
  /** Whether the source can have this value. */
  takes(parameter: Parameter, value: Value): boolean;
  /** Whether the parameter is an easy one to change. */
  prefers(name: string): boolean;
}

/** How many ways to keep a rule are tried against all other rules. */
const TRIED = 8;

/**
 * The least that would have to change for `broken` to hold, without breaking another rule of `model`: values by name.
 * Fewer parameters come first, then those that are preferred, then those that stay in effect, then what a rule demands
 * before what it starts from. Undefined where no change of one box's parameters is enough, or none of the least is.
 */
export function leastChange(
  broken: Constraint,
  model: Model,
  valueFor: ValueOf,
  wishes: Wishes,
): ReadonlyMap<string, Value> | undefined {
  const boxes = broken.boxes === 'beyond' ? [] : broken.boxes.toReversed();
  const moves = boxes
    .flatMap((box) => moveInto(box, model, valueFor, wishes) ?? [])
    .sort((a, b) => costOf(a, model, wishes) - costOf(b, model, wishes));
  return moves.slice(0, TRIED).find((values) => {
    const after: ValueOf = (name) => values.get(name) ?? valueFor(name);
    return model.constraints.every((rule) => holds(rule, after) !== 'no' || holds(rule, valueFor) === 'no');
  });
}

function moveInto(
  box: Box,
  { parameters }: Model,
  valueFor: ValueOf,
  wishes: Wishes,
): Map<string, Value> | undefined {
  const values = new Map<string, Value>();
  for (const [name, domain] of box) {
    const [value, parameter] = [valueFor(name), parameters.get(name)];
    if (value === undefined || parameter === undefined) return undefined;
    if (contains(domain, value)) continue;
    const moved = nearest(intersect(domain, parameter.domain), value);
    if (moved === undefined || !wishes.takes(parameter, moved)) return undefined;
    values.set(name, moved);
  }
  return values;
}

function costOf(values: ReadonlyMap<string, Value>, { parameters }: Model, wishes: Wishes): number {
  let cost = 0;
  for (const [name, value] of values)
    cost += 4 + (wishes.prefers(name) ? 0 : 2) + (value === parameters.get(name)?.off ? 1 : 0);
  return cost;
}
