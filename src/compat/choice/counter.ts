/** How often each value lies in some domains, by a sweep over their end points. */
import type { BoxDomain, Interval } from '../domain.ts';
import { compareBytes, typeOf, type Value } from '../value.ts';

/** Numbers from `from` up to where the next segment begins lie in `count` of the domains. */
interface Segment {
  readonly from: bigint;
  readonly count: number;
}

/** Counts the domains that a value lies in. Reading after adding costs one sort of all end points. */
export class Counter {
  readonly #exact = new Map<Value, number>();
  readonly #any = { bool: 0, int: 0, str: 0 };
  /** By how much the count changes at a number. */
  readonly #steps = new Map<bigint, number>();
  #segments: readonly Segment[] | undefined;

  /** Counts `domain` as `count` domains. */
  add(domain: BoxDomain, count: number): void {
    switch (domain.kind) {
      case 'bool':
        if (domain.on) this.#count(true, count);
        if (domain.off) this.#count(false, count);
        return;
      case 'int':
        for (const interval of domain.intervals) this.#step(interval, count);
        return;
      case 'any':
        this.#any[domain.type] += count;
        return;
      case 'str':
        for (const value of domain.values) this.#count(value, count);
        return;
      case 'except':
        this.#any.str += count;
        for (const value of domain.values) this.#count(value, -count);
    }
  }

  /** How many domains `value` lies in. */
  at(value: Value): number {
    const any = this.#any[typeOf(value)];
    return any + (typeof value === 'bigint' ? this.#inSegments(value) : (this.#exact.get(value) ?? 0));
  }

  /** Values besides `but`, sorted, one of which lies in as many domains as any. */
  points(but: Value | undefined): Value[] {
    const numbers = this.#sweep().flatMap(({ from }) => (from === but ? [from + 1n] : [from]));
    return [...numbers, ...this.#exact.keys()].filter((value) => value !== but).sort(compareValues);
  }

  #count(value: Value, count: number): void {
    this.#exact.set(value, (this.#exact.get(value) ?? 0) + count);
  }

  #step({ min, max }: Interval, count: number): void {
    this.#segments = undefined;
    this.#steps.set(min, (this.#steps.get(min) ?? 0) + count);
    this.#steps.set(max + 1n, (this.#steps.get(max + 1n) ?? 0) - count);
  }

  #sweep(): readonly Segment[] {
    if (this.#segments !== undefined) return this.#segments;
    let count = 0;
    const segments: Segment[] = [];
    for (const [from, step] of [...this.#steps].sort(([a], [b]) => (a < b ? -1 : 1))) {
      count += step;
      segments.push({ from, count });
    }
    this.#segments = segments;
    return segments;
  }

  #inSegments(value: bigint): number {
    const segments = this.#sweep();
    let [from, to] = [0, segments.length];
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (segments[middle]!.from <= value) from = middle + 1;
      else to = middle;
    }
    return segments[from - 1]?.count ?? 0;
  }
}

/** The order of values: off before on, numbers by size, texts by their bytes. */
export function compareValues(a: Value, b: Value): number {
  if (typeof a === 'string' && typeof b === 'string') return compareBytes(a, b);
  if (typeof a !== typeof b) return typeof a < typeof b ? -1 : 1;
  return a === b ? 0 : a < b ? -1 : 1;
}
