import { ancestry } from './description.ts';
import type { Gatherer } from './gatherer.ts';

/**
 * Fewer names for the same device types: where everything that is made from one type is among `types`, that one stands for
 * all of them.
 */
export function groupTypes(gatherer: Gatherer, types: readonly string[]): string[] {
  const rest = new Set(types);
  const found: string[] = [];
  for (const type of types) {
    if (!rest.has(type)) continue;
    const covering = [...ancestry(gatherer.source.types, type)]
      .filter((ancestor) => ancestor !== type && !TOO_WIDE.has(ancestor))
      .map((ancestor) => ({ ancestor, made: madeFrom(gatherer, ancestor) }))
      .filter(({ made }) => made.length > 1 && made.every((one) => rest.has(one)))
      // Of several that stand for the same, the nearest one has the property
      .sort((a, b) => b.made.length - a.made.length)[0];
    found.push(covering?.ancestor ?? type);
    for (const one of covering?.made ?? [type]) rest.delete(one);
  }
  return found;
}

const TOO_WIDE: ReadonlySet<string> = new Set(['object', 'device']);

const known = new WeakMap<Gatherer, Map<string, readonly string[]>>();

/** Concrete types that are made from `ancestor`, which both sides have and which are to be looked at. */
function madeFrom(gatherer: Gatherer, ancestor: string): readonly string[] {
  const byAncestor = known.get(gatherer) ?? index(gatherer);
  known.set(gatherer, byAncestor);
  return byAncestor.get(ancestor) ?? [];
}

function index(gatherer: Gatherer): Map<string, readonly string[]> {
  const made = new Map<string, string[]>();
  for (const type of gatherer.types) {
    for (const ancestor of ancestry(gatherer.source.types, type)) {
      const list = made.get(ancestor);
      if (list === undefined) made.set(ancestor, [type]);
      else list.push(type);
    }
  }
  return made;
}
