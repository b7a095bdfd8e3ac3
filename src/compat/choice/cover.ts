/** How many implementations take an entry for one parameter, and which one most of them take. */
import type { Value } from '../value.ts';
import type { Column, Entry } from './column.ts';
import { Counter, compareValues } from './counter.ts';

/** An entry, and how many implementations take it. */
export interface Covered {
  readonly entry: Entry;
  readonly count: number;
}

/** Those who can agree on what switches a parameter off: who does so by one value, and who cannot switch it off. */
interface Camp {
  readonly off: Value | undefined;
  /** How many can switch it off. */
  readonly able: number;
  readonly values: Counter;
}

/** What most implementations take for the parameter of one column. Each off value that is there has a camp. */
export class Cover {
  /** The off value of most implementations; undefined where none can switch it off. */
  readonly off: Value | undefined;
  readonly #column: Column;
  readonly #camps: ReadonlyMap<Value | undefined, Camp>;

  constructor(column: Column) {
    this.#column = column;
    const offs = column.opinions.map(({ parameter }) => parameter.off).filter((off) => off !== undefined);
    this.#camps = new Map([undefined, ...offs.sort(compareValues)].map((off) => [off, campOf(column, off)]));
    let most = 0;
    for (const { off, able } of this.#camps.values()) if (able > most) [most, this.off] = [able, off];
  }

  /** How many implementations take `entry`. */
  at({ value, off }: Entry): number {
    const camp = this.#camps.get(off);
    if (value === undefined) return this.#column.absent + (camp?.able ?? 0);
    return value === off ? 0 : (camp?.values.at(value) ?? 0);
  }

  /** What an implementation whose off value is `own` says in its list where it has `value`. */
  entryOf(value: Value, own: Value | undefined): Entry {
    const off = own ?? (value === this.off ? undefined : this.off);
    return { value: value === off ? undefined : value, off };
  }

  /** The entry that most implementations take: of several the absent one first, then an initial value, then the smallest. */
  best(): Covered {
    const absent: Entry = { value: undefined, off: this.off };
    let best: Covered = { entry: absent, count: this.at(absent) };
    const initial = this.#column.opinions.map(({ parameter }) => parameter.init).sort(compareValues);
    for (const { off, values } of this.#camps.values())
      for (const value of [...initial, ...values.points(off)]) {
        const count = this.at({ value, off });
        if (count > best.count) best = { entry: { value, off }, count };
      }
    return best;
  }
}

function campOf({ opinions }: Column, off: Value | undefined): Camp {
  const values = new Counter();
  let able = 0;
  for (const { parameter, count } of opinions) {
    if (parameter.off !== undefined && parameter.off !== off) continue;
    if (parameter.off !== undefined) able += count;
    values.add(parameter.domain, count);
  }
  return { off, able, values };
}
