/** The implementations that a choice is for, counted by what they say. */
import type { Parameter } from '../model.ts';
import { compareBytes } from '../value.ts';
import type { Column, Entry, Member, Opinion } from './column.ts';
import { takes } from './common.ts';
import { Cover } from './cover.ts';
import { byModernity } from './modernity.ts';
import type { Pool } from './pool.ts';
import type { Variant } from './variants.ts';

/** Implementations of a pool, all or some. */
export class Field {
  readonly pool: Pool;
  /** Sorted by their bytes. */
  readonly ids: readonly string[];
  /** Sorted by their first ids. */
  readonly members: readonly Member[];
  /** Sorted by name. */
  readonly columns: readonly Column[];
  readonly #memberOf: readonly Member[];
  readonly #covers = new Map<Column, Cover>();
  #order: readonly Member[] | undefined;

  /** Throws `ERR_COMPAT_ARGUMENT` for an id that is not in the pool. */
  constructor(pool: Pool, ids: Iterable<string> | undefined) {
    this.pool = pool;
    this.ids = ids === undefined ? pool.ids() : [...new Set(ids)].sort(compareBytes);
    const members = new Map<Variant, Member>();
    this.#memberOf = this.ids.map((id) => {
      const variant = pool.variantOf(id);
      const member = members.get(variant) ?? { variant, first: id, count: 0 };
      if (member.count++ === 0) members.set(variant, member);
      return member;
    });
    this.members = [...members.values()];
    this.columns = this.#count();
  }

  /** The ids of all implementations of members for which `chosen` is true, sorted. */
  idsOf(chosen: (member: Member) => boolean): string[] {
    return this.ids.filter((_, i) => chosen(this.#memberOf[i]!));
  }

  /** For each column the ids of those who do not take its entry, sorted. */
  refusing(entries: ReadonlyMap<Column, Entry>): ReadonlyMap<Column, string[]> {
    const refused = new Uint8Array(this.pool.variants.stances.length + 1);
    const refusing: string[][] = [];
    const needed: number[] = [];
    for (const [{ index, opinions }, entry] of entries) {
      refusing[index] = [];
      for (const { stance, parameter } of opinions) refused[stance + 1] = Number(!takes(parameter, entry));
      if (!takes(undefined, entry)) needed.push(index);
    }
    // One after the other, since all that one says lies side by side
    for (const [i, id] of this.ids.entries()) {
      const { stances } = this.#memberOf[i]!.variant;
      for (let index = 0; index < stances.length; index++)
        if (refused[stances[index]!] === 1) refusing[index]?.push(id);
      for (const index of needed) if ((stances[index] ?? 0) === 0) refusing[index]?.push(id);
    }
    return new Map([...entries.keys()].map((column) => [column, refusing[column.index] ?? []]));
  }

  /** These members alone. */
  part(members: ReadonlySet<Member>): Field {
    if (members.size === this.members.length) return this;
    return new Field(
      this.pool,
      this.idsOf((member) => members.has(member)),
    );
  }

  /** The members, the most modern one first. */
  get order(): readonly Member[] {
    this.#order ??= byModernity(this, this.pool.variants.stances.length);
    return this.#order;
  }

  coverOf(column: Column): Cover {
    const cover = this.#covers.get(column) ?? new Cover(column);
    this.#covers.set(column, cover);
    return cover;
  }

  /** What `member` says of the parameter of `column`; undefined where it has no such parameter. */
  parameterOf({ variant }: Member, { index }: Column): Parameter | undefined {
    const said = variant.stances[index] ?? 0;
    return said === 0 ? undefined : this.pool.variants.stances[said - 1]?.parameter;
  }

  #count(): Column[] {
    const { variants } = this.pool;
    const counts = new Uint32Array(variants.stances.length + 1);
    for (const { variant, count } of this.members) for (const said of variant.stances) counts[said]! += count;
    return variants.columns
      .map((name, index) => {
        const opinions: Opinion[] = [];
        let absent = this.ids.length;
        for (const { number, parameter } of variants.inColumn(index)) {
          const count = counts[number + 1]!;
          if (count === 0) continue;
          opinions.push({ stance: number, parameter, count });
          absent -= count;
        }
        return { name, index, opinions, absent };
      })
      .filter(({ opinions }) => opinions.length > 0)
      .sort((a, b) => compareBytes(a.name, b.name));
  }
}

/** How many implementations `members` are. */
export function countOf(members: Iterable<Member>): number {
  let count = 0;
  for (const member of members) count += member.count;
  return count;
}
