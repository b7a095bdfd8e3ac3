import { compareBytes, formatValue, LARGEST_INT, type ParameterType, typeOf, type Value } from './value.ts';

/** Whole numbers from `min` to `max`, both included. */
export interface Interval {
  readonly min: bigint;
  readonly max: bigint;
}

/**
 * The set of values that an implementation takes for a parameter. `any` is what the RFC leaves open: any value of the type
 * may be given, and the implementation may refuse it.
 */
export type Domain =
  | { readonly kind: 'bool'; readonly on: boolean; readonly off: boolean }
  /** Sorted, disjoint, and with a gap between neighbours. */
  | { readonly kind: 'int'; readonly intervals: readonly Interval[] }
  | { readonly kind: 'str'; readonly values: ReadonlySet<string> }
  | { readonly kind: 'any'; readonly type: Exclude<ParameterType, 'bool'> };

/** What a rule asks of a parameter: a domain, or all text but these values. */
export type BoxDomain = Domain | { readonly kind: 'except'; readonly values: ReadonlySet<string> };

/** The type of the values in `domain`. */
export function typeOfDomain(domain: BoxDomain): ParameterType {
  if (domain.kind === 'any') return domain.type;
  return domain.kind === 'except' ? 'str' : domain.kind;
}

/** The domain of these numbers: intervals may come in any order, overlap and touch. Empty intervals are left out. */
export function intDomain(intervals: Iterable<Interval>): Domain {
  const sorted = [...intervals].filter(({ min, max }) => min <= max).sort((a, b) => order(a.min, b.min));
  const merged: { min: bigint; max: bigint }[] = [];
  for (const { min, max } of sorted) {
    const last = merged.at(-1);
    if (last === undefined || min > last.max + 1n) merged.push({ min, max });
    else if (max > last.max) last.max = max;
  }
  return { kind: 'int', intervals: merged };
}

/** The domain of these texts. */
export function strDomain(values: Iterable<string>): Domain {
  return { kind: 'str', values: new Set(values) };
}

/** The domain that has nothing but `value`. */
export function domainOf(value: Value): Domain {
  if (typeof value === 'boolean') return { kind: 'bool', on: value, off: !value };
  return typeof value === 'bigint' ? intDomain([{ min: value, max: value }]) : strDomain([value]);
}

/** The domain of `type` that has no value. */
export function emptyDomain(type: ParameterType): Domain {
  if (type === 'bool') return { kind: 'bool', on: false, off: false };
  return type === 'int' ? intDomain([]) : strDomain([]);
}

/** Whether no value lies in `domain`. */
export function isEmpty(domain: BoxDomain): boolean {
  if (domain.kind === 'bool') return !domain.on && !domain.off;
  if (domain.kind === 'int') return domain.intervals.length === 0;
  return domain.kind === 'str' && domain.values.size === 0;
}

/** Whether `value` lies in `domain`. In `any` lies every value of its type, though it may still be refused. */
export function contains(domain: BoxDomain, value: Value): boolean {
  switch (domain.kind) {
    case 'bool':
      return typeof value === 'boolean' && (value ? domain.on : domain.off);
    case 'int':
      return typeof value === 'bigint' && meets(domain.intervals, value, value);
    case 'str':
      return typeof value === 'string' && domain.values.has(value);
    case 'except':
      return typeof value === 'string' && !domain.values.has(value);
    case 'any':
      return typeOf(value) === domain.type;
  }
}

/** The values in both. Domains of different types have none in common. */
export function intersect(a: Domain, b: Domain): Domain;
/** The values in both, where either may be `except`. */
export function intersect(a: BoxDomain, b: BoxDomain): BoxDomain;
/** One function for both forms above. */
export function intersect(a: BoxDomain, b: BoxDomain): BoxDomain {
  const type = typeOfDomain(a);
  if (type !== typeOfDomain(b)) return emptyDomain(type);
  if (a.kind === 'any') return b;
  if (b.kind === 'any') return a;
  if (a.kind === 'bool' && b.kind === 'bool') return { kind: 'bool', on: a.on && b.on, off: a.off && b.off };
  if (a.kind === 'int' && b.kind === 'int') return intersectInts(a.intervals, b.intervals);
  if (a.kind === 'str') return strDomain(valuesIn(a.values, b));
  if (b.kind === 'str') return strDomain(valuesIn(b.values, a));
  return { kind: 'except', values: new Set([...exceptions(a), ...exceptions(b)]) };
}

function* valuesIn(values: Iterable<string>, domain: BoxDomain): Generator<string> {
  for (const value of values) if (contains(domain, value)) yield value;
}

function exceptions(domain: BoxDomain): Iterable<string> {
  return domain.kind === 'except' ? domain.values : [];
}

function intersectInts(a: readonly Interval[], b: readonly Interval[]): Domain {
  const intervals: Interval[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const [left, right] = [a[i]!, b[j]!];
    const [first, last] = [order(left.min, right.min), order(left.max, right.max)];
    const min = first < 0 ? right.min : left.min;
    const max = last < 0 ? left.max : right.max;
    if (min <= max) intervals.push({ min, max });
    if (last < 0) i++;
    else j++;
  }
  return { kind: 'int', intervals };
}

/** Whether no value lies in both. Takes time by the smaller one alone. */
export function areDisjoint(a: BoxDomain, b: BoxDomain): boolean {
  if (typeOfDomain(a) !== typeOfDomain(b)) return true;
  if (a.kind === 'any' || b.kind === 'any') return isEmpty(a) || isEmpty(b);
  if (a.kind === 'int' && b.kind === 'int') {
    const [few, many] = a.intervals.length < b.intervals.length ? [a, b] : [b, a];
    return few.intervals.every(({ min, max }) => !meets(many.intervals, min, max));
  }
  if (a.kind === 'str' && (b.kind !== 'str' || a.values.size <= b.values.size))
    return valuesIn(a.values, b).next().done === true;
  if (b.kind === 'str') return valuesIn(b.values, a).next().done === true;
  return isEmpty(intersect(a, b));
}

/** Whether one of the sorted `intervals` has a value from `first` to `last`. */
function meets(intervals: readonly Interval[], first: bigint, last: bigint): boolean {
  let [from, to] = [0, intervals.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    const { min, max } = intervals[middle]!;
    if (last < min) to = middle;
    else if (first > max) from = middle + 1;
    else return true;
  }
  return false;
}

/** The values in either. The type is that of `a`, and values of another type in `b` are left out. */
export function unite(a: Domain, b: Domain): Domain;
/** The values in either, where either may be `except`. */
export function unite(a: BoxDomain, b: BoxDomain): BoxDomain;
/** One function for both forms above. */
export function unite(a: BoxDomain, b: BoxDomain): BoxDomain {
  if (typeOfDomain(a) !== typeOfDomain(b) || a.kind === 'any') return a;
  if (b.kind === 'any') return b;
  if (a.kind === 'bool' && b.kind === 'bool') return { kind: 'bool', on: a.on || b.on, off: a.off || b.off };
  if (a.kind === 'int' && b.kind === 'int') return intDomain([...a.intervals, ...b.intervals]);
  if (a.kind === 'str' && b.kind === 'str') return strDomain([...a.values, ...b.values]);
  return complement(intersect(complement(a), complement(b)));
}

/**
 * The values of the type that are not in `domain`. Of text these are `except` or `str`, of numbers those up to
 * `LARGEST_INT`; nothing lies outside `any`.
 */
export function complement(domain: BoxDomain): BoxDomain {
  switch (domain.kind) {
    case 'bool':
      return { kind: 'bool', on: !domain.on, off: !domain.off };
    case 'int':
      return intDomain(gaps(domain.intervals));
    case 'str':
      return { kind: 'except', values: domain.values };
    case 'except':
      return { kind: 'str', values: domain.values };
    case 'any':
      return emptyDomain(domain.type);
  }
}

function* gaps(intervals: readonly Interval[]): Generator<Interval> {
  let min = 0n;
  for (const interval of intervals) {
    yield { min, max: interval.min - 1n };
    min = interval.max + 1n;
  }
  yield { min, max: LARGEST_INT };
}

/** Whether both have the same values. */
export function sameDomain(a: BoxDomain, b: BoxDomain): boolean {
  if (a.kind === 'int' && b.kind === 'int')
    return (
      a.intervals.length === b.intervals.length &&
      a.intervals.every(({ min, max }, i) => min === b.intervals[i]!.min && max === b.intervals[i]!.max)
    );
  if ((a.kind === 'str' && b.kind === 'str') || (a.kind === 'except' && b.kind === 'except'))
    return a.values.size === b.values.size && a.values.isSubsetOf(b.values);
  if (a.kind === 'bool' && b.kind === 'bool') return a.on === b.on && a.off === b.off;
  return a.kind === 'any' && b.kind === 'any' && a.type === b.type;
}

/**
 * The value in `domain` that is nearest to `value`: of two numbers at the same distance the smaller one. Of texts none is
 * nearer than another: the only one, where there is only one. Undefined where nothing can be said.
 */
export function nearest(domain: BoxDomain, value: Value): Value | undefined {
  if (contains(domain, value)) return value;
  if (domain.kind === 'bool' && domain.on !== domain.off) return domain.on;
  if (domain.kind === 'str' && domain.values.size === 1) return [...domain.values][0];
  if (domain.kind !== 'int' || typeof value !== 'bigint') return undefined;
  const after = domain.intervals.findIndex(({ min }) => min > value);
  const below = domain.intervals.at(after < 0 ? -1 : after - 1)?.max;
  const above = domain.intervals[after]?.min;
  if (after <= 0) return after === 0 ? above : below;
  return above! - value < value - below! ? above : below;
}

/** The smallest or largest value of numbers; of on and off, on is the larger one. Undefined for texts, `any` and nothing. */
export function extreme(domain: BoxDomain, which: 'min' | 'max'): Value | undefined {
  if (isEmpty(domain)) return undefined;
  if (domain.kind === 'bool') return which === 'max' ? domain.on : !domain.off;
  if (domain.kind !== 'int') return undefined;
  return which === 'max' ? domain.intervals.at(-1)?.max : domain.intervals[0]?.min;
}

/** How many entries of a domain are written out for people. */
const SHOWN = 32;

/** `domain` for people: `on, off`, `1-8, 16`, `v1, v2`, `any int`, `any str but v1`, `nothing`. Long ones are cut short. */
export function formatDomain(domain: BoxDomain): string {
  switch (domain.kind) {
    case 'bool':
      return joined([...(domain.on ? ['on'] : []), ...(domain.off ? ['off'] : [])]);
    case 'int':
      return joined(domain.intervals, ({ min, max }) => (min === max ? `${min}` : `${min}-${max}`));
    case 'str':
      return joined([...domain.values].sort(compareBytes), quoteValue);
    case 'except':
      return `any str but ${joined([...domain.values].sort(compareBytes), quoteValue)}`;
    case 'any':
      return `any ${domain.type}`;
  }
}

function joined<T>(entries: readonly T[], format: (entry: T) => string = String): string {
  if (entries.length === 0) return 'nothing';
  const shown = entries.slice(0, SHOWN).map(format).join(', ');
  return entries.length > SHOWN ? `${shown} and ${entries.length - SHOWN} more` : shown;
}

/** `value` for people: as it is (`formatValue`), in quotes where it would be mistaken for something else. */
export function quoteValue(value: Value): string {
  const text = formatValue(value);
  return /^[^\s,"'\p{C}]+$/u.test(text) ? text : JSON.stringify(text);
}

function order(a: bigint, b: bigint): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
