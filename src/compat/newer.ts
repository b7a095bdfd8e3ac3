/** Which of two lists is the more modern one: two partial orders, without version numbers. */
import { type Check, prepareCheck } from './check.ts';
import { buildList, profileValues } from './complete.ts';
import { contains } from './domain.ts';
import type { MigrationList } from './list.ts';
import type { MigrationInfo, Model } from './model.ts';
import { compareBytes, readValue } from './value.ts';

/** How one list stands to another one. */
export const ORDERS = ['newer', 'older', 'same', 'incomparable'] as const;

export type Order = (typeof ORDERS)[number];

/** How list a stands to list b, and by what. */
export interface ListOrder {
  /**
   * By support; where the same implementations take both, by generation. `newer`: a is more modern than b.
   */
  readonly order: Order;
  /**
   * By who takes them: the more modern list is taken by some of those who take the other one, and by nobody else. Ids are
   * sorted. Those who may take a list count as taking it only where that was asked for.
   */
  readonly support: {
    readonly order: Order;
    readonly a: readonly string[];
    readonly b: readonly string[];
    readonly unprovenA: readonly string[];
    readonly unprovenB: readonly string[];
  };
  /**
   * By the revision of the model that each needs (`x-since`), undefined where that is not known; of two that need the
   * same, the one with all that the other has in effect, and more. `incomparable` where it is not known.
   */
  readonly generation: {
    readonly order: Order;
    readonly a: number | undefined;
    readonly b: number | undefined;
  };
}

/**
 * Which of `a` and `b` is more modern, seen from an inventory of implementations. Both orders are partial: where
 * nothing tells, they are incomparable. Lists of different models are. `unproven`: `supports` counts those who may take a
 * list as taking it.
 */
export function compareLists(
  a: MigrationList,
  b: MigrationList,
  inventory: Iterable<{ readonly id: string; readonly info: MigrationInfo }>,
  { unproven = 'not' }: { readonly unproven?: 'supports' | 'not' } = {},
): ListOrder {
  const [ofA, ofB] = [new Side(a), new Side(b)];
  for (const { id, info } of inventory) {
    ofA.meet(id, info);
    ofB.meet(id, info);
  }
  const alike = a.model === b.model;
  const bySupport = alike ? bySubset(ofB.support(unproven), ofA.support(unproven)) : 'incomparable';
  const byGeneration = alike ? orderByGeneration(ofA, ofB) : 'incomparable';
  const noRevisions = ofA.generation === undefined && ofB.generation === undefined;
  return {
    order: bySupport === 'same' && !noRevisions ? byGeneration : bySupport,
    support: {
      order: bySupport,
      a: sorted(ofA.sure),
      b: sorted(ofB.sure),
      unprovenA: sorted(ofA.unproven),
      unprovenB: sorted(ofB.unproven),
    },
    generation: { order: byGeneration, a: ofA.generation, b: ofB.generation },
  };
}

/**
 * The revision of `model` that a list needs: the largest `x-since` among its parameters and values, where those without
 * one were there from the start (0). Undefined where the model gives none at all, or does not know what is in the list.
 */
export function generation(list: MigrationList, model: Model): number | undefined {
  const parameters = [...model.parameters.values()];
  if (parameters.every(({ since, valuesSince }) => since === undefined && valuesSince.length === 0))
    return undefined;
  const values =
    list.version === undefined || list.parameters.size > 0 ? undefined : profileValues(model, list.version);
  if (values === undefined && list.version !== undefined && list.parameters.size === 0) return undefined;
  let needed = 0;
  for (const [name, text] of values === undefined ? list.parameters : buildList(model, values).parameters) {
    const parameter = model.parameters.get(name);
    const value = parameter && readValue(parameter.type, text);
    if (parameter === undefined || value === undefined) return undefined;
    needed = Math.max(needed, parameter.since ?? 0);
    for (const later of parameter.valuesSince)
      if (contains(later.values, value)) needed = Math.max(needed, later.since);
  }
  return needed;
}

/** Who takes one of the lists, and which revision it needs. */
class Side {
  readonly sure: string[] = [];
  readonly unproven: string[] = [];
  generation: number | undefined;
  readonly #list: MigrationList;
  readonly #check: (destination: MigrationInfo) => Check;

  constructor(list: MigrationList) {
    this.#list = list;
    this.#check = prepareCheck(list);
  }

  meet(id: string, info: MigrationInfo): void {
    const { answer, model } = this.#check(info);
    if (answer === 'yes') this.sure.push(id);
    if (answer === 'unproven') this.unproven.push(id);
    const needed = model && generation(this.#list, model);
    if (needed !== undefined) this.generation = Math.max(this.generation ?? 0, needed);
  }

  support(unproven: 'supports' | 'not'): ReadonlySet<string> {
    return new Set(unproven === 'supports' ? [...this.sure, ...this.unproven] : this.sure);
  }

  /** What is in effect. */
  entries(): ReadonlySet<string> {
    const { parameters, version } = this.#list;
    if (parameters.size === 0) return new Set(version === undefined ? [] : [version]);
    return new Set([...parameters].map(([name, text]) => `${name}=${text}`));
  }
}

/** `newer` where `more` has all that `less` has, and more. */
function bySubset(more: ReadonlySet<string>, less: ReadonlySet<string>): Order {
  if (less.isSubsetOf(more)) return more.size === less.size ? 'same' : 'newer';
  return more.isSubsetOf(less) ? 'older' : 'incomparable';
}

function orderByGeneration(a: Side, b: Side): Order {
  if (a.generation === undefined || b.generation === undefined) return 'incomparable';
  if (a.generation !== b.generation) return a.generation > b.generation ? 'newer' : 'older';
  return bySubset(a.entries(), b.entries());
}

function sorted(ids: readonly string[]): string[] {
  return ids.toSorted(compareBytes);
}
