/** Which implementations are the more modern ones. */
import type { Parameter } from '../model.ts';
import { compareBytes } from '../value.ts';
import type { Column, Member } from './column.ts';
import type { Cover } from './cover.ts';

/** The revision of the model (`x-since`) that `parameter` and all values it takes need; 0 where none is given. */
function revisionOf({ since, valuesSince }: Parameter): number {
  return valuesSince.reduce((latest, later) => Math.max(latest, later.since), since ?? 0);
}

/** Members, and what they say. */
export interface Crowd {
  readonly ids: readonly string[];
  readonly members: readonly Member[];
  readonly columns: readonly Column[];
  coverOf(column: Column): Cover;
}

/**
 * The members of `crowd`, the most modern one first: the one that knows the latest revision of the model (`x-since`);
 * of equal ones the one that has most parameters in effect when it is new, then the one whose initial values most
 * others refuse, then the one with the first id. Where lists are accepted by fewer implementations the more they have in
 * effect, this is an order by support as well, found without comparing every two. `stances`: how many numbers stances have.
 */
export function byModernity(crowd: Crowd, stances: number): Member[] {
  const [revision, active, refused] = [
    new Float64Array(stances + 1),
    new Float64Array(stances + 1),
    new Float64Array(stances + 1),
  ];
  for (const column of crowd.columns) {
    const cover = column.opinions.length > 1 || column.absent > 0 ? crowd.coverOf(column) : undefined;
    for (const { stance, parameter } of column.opinions) {
      revision[stance + 1] = revisionOf(parameter);
      active[stance + 1] = parameter.init === parameter.off ? 0 : 1;
      if (cover !== undefined)
        refused[stance + 1] = crowd.ids.length - cover.at(cover.entryOf(parameter.init, parameter.off));
    }
  }
  const ranked = crowd.members.map((member) => {
    const sums = { member, revision: 0, active: 0, refused: 0 };
    for (const said of member.variant.stances) {
      sums.revision = Math.max(sums.revision, revision[said]!);
      sums.active += active[said]!;
      sums.refused += refused[said]!;
    }
    return sums;
  });
  ranked.sort(
    (a, b) =>
      b.revision - a.revision ||
      b.active - a.active ||
      b.refused - a.refused ||
      compareBytes(a.member.first, b.member.first),
  );
  return ranked.map(({ member }) => member);
}
