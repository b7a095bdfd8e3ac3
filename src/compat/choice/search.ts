/** The search for values that keep every rule between parameters: over unions of boxes. */
import { type BoxDomain, intersect, isEmpty, sameDomain } from '../domain.ts';
import { MAX_BOXES } from '../limits.ts';
import type { Constraint } from '../model.ts';
import { holds } from '../rules.ts';
import type { Preferred } from './preference.ts';

/** Values by parameter; `none`: there are none; `beyond`: none was found, and not all that is possible was looked at. */
export type Found = ReadonlyMap<string, Preferred> | 'none' | 'beyond';

/** What each parameter may be. */
type Space = ReadonlyMap<string, BoxDomain>;

/** Which value a parameter should have, of those in a domain; undefined where none can be told. */
type Like = (name: string, domain: BoxDomain) => Preferred | undefined;

/**
 * The values within `space` that keep all `rules` and differ in the fewest parameters from what `like` asks for without
 * them. Each rule is a union of boxes; all of them together are resolved into at most `MAX_BOXES` boxes, and beyond
 * that into those that come first.
 */
export function search(space: Space, rules: readonly Constraint[], like: Like): Found {
  const liked = new Map<string, Preferred>();
  for (const [name, domain] of space) {
    const value = like(name, domain);
    if (value === undefined) return 'none';
    liked.set(name, value);
  }
  if (rules.every((rule) => holds(rule, (name) => liked.get(name)?.value) !== 'no')) return liked;
  const { boxes, complete } = resolve(space, rules);
  let best: { readonly moves: ReadonlyMap<string, Preferred>; readonly moved: number } | undefined;
  for (const box of boxes) {
    const moves = movesInto(box, like);
    if (moves === undefined) continue;
    const moved = [...moves].filter(([name, { value }]) => value !== liked.get(name)?.value).length;
    if (best === undefined || moved < best.moved) best = { moves, moved };
  }
  if (best === undefined) return complete ? 'none' : 'beyond';
  return new Map([...liked].map(([name, value]) => [name, best.moves.get(name) ?? value]));
}

function movesInto(box: Space, like: Like): ReadonlyMap<string, Preferred> | undefined {
  const moves = new Map<string, Preferred>();
  for (const [name, domain] of box) {
    const value = like(name, domain);
    if (value === undefined) return undefined;
    moves.set(name, value);
  }
  return moves;
}

/** Boxes within `space` that keep all rules, each with the parameters that it narrows. */
function resolve(
  space: Space,
  rules: readonly Constraint[],
): { readonly boxes: readonly Space[]; readonly complete: boolean } {
  let boxes: readonly Space[] = [new Map()];
  let complete = true;
  for (const rule of rules) {
    const next: Space[] = [];
    for (const part of boxes.values().flatMap((box) => within(space, box, rule)))
      if (next.push(part) > MAX_BOXES) break;
    complete &&= next.length <= MAX_BOXES;
    boxes = next.slice(0, MAX_BOXES);
  }
  return { boxes, complete };
}

/** What of `narrowed` keeps `rule`. A rule whose boxes are not known takes nothing away. */
function within(space: Space, narrowed: Space, { boxes }: Constraint): readonly Space[] {
  if (boxes === 'beyond') return [narrowed];
  const parts: Space[] = [];
  for (const box of boxes) {
    const part = new Map(narrowed);
    let [whole, empty] = [true, false];
    for (const [name, domain] of box) {
      const before = part.get(name) ?? space.get(name);
      if (before === undefined) continue;
      const after = intersect(before, domain);
      whole &&= sameDomain(before, after);
      empty ||= isEmpty(after);
      part.set(name, after);
    }
    if (empty) continue;
    if (whole) return [narrowed];
    parts.push(part);
  }
  return parts;
}
