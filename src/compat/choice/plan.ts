/** Whom a choice suits, and by what. */
import { disputed, grown } from './agreement.ts';
import { type Candidate, initial, named, popular, takers } from './candidates.ts';
import type { Member } from './column.ts';
import { takes } from './common.ts';
import { countOf, type Field } from './field.ts';
import { type Settled, settle, settledOn } from './settle.ts';

/**
 * What to choose for `needed` implementations of `field`, else for as many as there can be. `beyond`: whether all can be
 * suited was not found out within the limits of the search.
 */
export function plan(
  field: Field,
  needed: number,
): { readonly settled: Settled | undefined; readonly beyond: boolean } {
  if (needed < field.ids.length) {
    const enough = firstTaken([named(field), initial(field)], field, needed);
    if (enough !== undefined)
      return { settled: settledIn(field.part(takers(field, enough)), enough), beyond: false };
  }
  const all = settle(field);
  if (typeof all !== 'string') return { settled: all, beyond: false };
  return { settled: withoutFewest(field), beyond: all === 'beyond' };
}

function firstTaken(sources: Iterable<Candidate>[], field: Field, needed: number): Candidate | undefined {
  for (const source of sources)
    for (const candidate of source) if (countOf(takers(field, candidate)) >= needed) return candidate;
  return undefined;
}

/** What suits most, and others with them. Undefined where nothing that is tried suits even one. */
function withoutFewest(field: Field): Settled | undefined {
  let best: { readonly candidate: Candidate; readonly members: ReadonlySet<Member> } | undefined;
  let most = 0;
  for (const source of [named(field), initial(field), popular(field), peeled(field)])
    for (const candidate of source) {
      const members = takers(field, candidate);
      const count = countOf(members);
      if (count > most) [best, most] = [{ candidate, members }, count];
    }
  if (best === undefined) return undefined;
  const more = settle(field.part(grown(field, best.members)));
  return typeof more === 'string' ? settledIn(field.part(best.members), best.candidate) : more;
}

/**
 * What suits those who are left when, as long as they do not agree, those are taken out who do not take what most take
 * for the parameter that takes the fewest out.
 */
function* peeled(field: Field): Generator<Candidate> {
  let rest = field;
  for (let columns = disputed(rest); columns.length > 0; columns = disputed(rest)) {
    const bests = columns.map((column) => ({ column, ...rest.coverOf(column).best() }));
    const { column, entry } = bests.reduce((best, other) => (other.count > best.count ? other : best));
    const current = rest;
    const staying = current.members.filter((member) => takes(current.parameterOf(member, column), entry));
    rest = current.part(new Set(staying));
  }
  const settled = settle(rest);
  if (typeof settled !== 'string') yield settled.candidate;
}

/** What suits all of `field` best, `known` being something that suits all. */
function settledIn(field: Field, known: Candidate): Settled {
  const settled = settle(field);
  return typeof settled === 'string' ? settledOn(known, 'most', 'Part of what most of all take') : settled;
}
