/** The search for values that keep every rule between parameters: over unions of boxes. */
import { areDisjoint, type BoxDomain, intersect, sameDomain } from '../domain.ts';
import { MAX_BOXES, MAX_SEARCH_STEPS } from '../limits.ts';
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
 * them. Each rule is a union of boxes; all of them together are resolved into at most `MAX_BOXES` boxes, in at most
 * `MAX_SEARCH_STEPS` steps, and beyond that into those that come first.
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
  let steps = 0;
  for (const rule of rules) {
    const next: Space[] = [];
    for (const box of boxes) {
      steps += rule.boxes === 'beyond' ? 1 : rule.boxes.length;
      if (steps > MAX_SEARCH_STEPS || next.length > MAX_BOXES) break;
      next.push(...within(space, box, rule));
    }
    complete &&= steps <= MAX_SEARCH_STEPS && next.length <= MAX_BOXES;
    boxes = next.slice(0, MAX_BOXES);
  }
  return { boxes, complete };
}

/** What of `narrowed` keeps `rule`. A rule whose boxes are not known takes nothing away. */
function within(space: Space, narrowed: Space, { boxes }: Constraint): readonly Space[] {
  if (boxes === 'beyond') return [narrowed];
  const domainOf = (name: string) => narrowed.get(name) ?? space.get(name);
  const parts: Space[] = [];
  for (const box of boxes) {
    const met = [...box].flatMap(([name, domain]) => {
      const before = domainOf(name);
      return before === undefined ? [] : [{ name, domain, before }];
    });
    if (met.some(({ domain, before }) => areDisjoint(before, domain))) continue;
    const cut = met.map(({ name, domain, before }) => ({ name, before, after: intersect(before, domain) }));
    if (cut.every(({ before, after }) => sameDomain(before, after))) return [narrowed];
    parts.push(new Map([...narrowed, ...cut.map(({ name, after }) => [name, after] as const)]));
  }
  return parts;
}
