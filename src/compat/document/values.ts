/** Values and lists of allowed values, from JSON to what they mean. */
import { type Domain, emptyDomain, type Interval, intDomain, strDomain } from '../domain.ts';
import { MAX_DIGITS } from '../limits.ts';
import { EXPECTED, type ParameterType, readValue, type Value } from '../value.ts';
import { type Findings, show } from './findings.ts';
import type { Path } from './places.ts';

/** What a value of each type looks like in JSON. */
const FORMS: Readonly<Record<ParameterType, string>> = {
  bool: 'true or false, without quotes',
  int: `a whole number from 0 on: a JSON number up to 2^53 - 1, above that a string of at most ${MAX_DIGITS} digits`,
  str: EXPECTED.str,
};

const INT_OR_RANGE = `${FORMS.int}, or a range "min-max" of such digits`;

/** What `raw` means as a value of `type`; undefined, with a finding, where it is none. */
export function decodeValue(
  type: ParameterType,
  raw: unknown,
  path: Path,
  findings: Findings,
  expected = FORMS[type],
): Value | undefined {
  const value = meaningOf(type, raw);
  if (value === undefined) findings.error('wrong-form', path, `Found ${show(raw)}, expected ${expected}`);
  return value;
}

function meaningOf(type: ParameterType, raw: unknown): Value | undefined {
  if (type === 'bool') return typeof raw === 'boolean' ? raw : undefined;
  if (typeof raw === 'string') return readValue(type, raw);
  return type === 'int' && typeof raw === 'number' && isWhole(raw) ? BigInt(raw) : undefined;
}

/** Whether a number of JSON is 0, 1, 2, …, and what it was in the text. */
export function isWhole(raw: number): boolean {
  return Number.isSafeInteger(raw) && raw >= 0 && !Object.is(raw, -0);
}

const RANGE = new RegExp(`^(\\d{1,${MAX_DIGITS}})-(\\d{1,${MAX_DIGITS}})$`);

/** The domain that a list of allowed values of `type` means. Entries that mean nothing are left out, with a finding. */
export function decodeDomain(
  type: ParameterType,
  entries: readonly unknown[],
  path: Path,
  findings: Findings,
): Domain {
  if (type === 'int') return decodeInts(entries, path, findings);
  const values = new Set<Value>();
  for (const [i, raw] of entries.entries()) {
    const value = decodeValue(type, raw, [...path, i], findings);
    if (value === undefined) continue;
    if (typeof value === 'string' && RANGE.test(value))
      findings.error(
        'range-in-text',
        [...path, i],
        `Found ${show(value)}, a range, where the parameter is text`,
      );
    if (values.has(value)) findings.warn('overlap', [...path, i], `Found ${show(raw)} again`);
    values.add(value);
  }
  if (type === 'bool') return { kind: 'bool', on: values.has(true), off: values.has(false) };
  return values.size === 0
    ? emptyDomain('str')
    : strDomain([...values].filter((value) => typeof value === 'string'));
}

function decodeInts(entries: readonly unknown[], path: Path, findings: Findings): Domain {
  const intervals: (Interval & { index: number })[] = [];
  for (const [index, raw] of entries.entries()) {
    const interval = decodeInterval(raw, [...path, index], findings);
    if (interval !== undefined) intervals.push({ ...interval, index });
  }
  const domain = intDomain(intervals);
  if (size(domain) !== size({ kind: 'int', intervals })) reportOverlaps(intervals, entries, path, findings);
  return domain;
}

function decodeInterval(raw: unknown, path: Path, findings: Findings): Interval | undefined {
  const [, from, to] = (typeof raw === 'string' && RANGE.exec(raw)) || [];
  if (from === undefined || to === undefined) {
    const value = decodeValue('int', raw, path, findings, INT_OR_RANGE);
    return typeof value === 'bigint' ? { min: value, max: value } : undefined;
  }
  const [min, max] = [BigInt(from), BigInt(to)];
  if (min <= max) return { min, max };
  findings.error('bad-range', path, `Found the range ${show(raw)}, expected its smaller end first`);
  return undefined;
}

function size(domain: Domain): bigint {
  let sum = 0n;
  if (domain.kind === 'int') for (const { min, max } of domain.intervals) sum += max - min + 1n;
  return sum;
}

function reportOverlaps(
  intervals: readonly (Interval & { index: number })[],
  entries: readonly unknown[],
  path: Path,
  findings: Findings,
): void {
  const sorted = intervals.toSorted(
    (a, b) => Number(a.min > b.min) - Number(a.min < b.min) || a.index - b.index,
  );
  let widest = sorted[0]!;
  for (const interval of sorted.slice(1)) {
    if (interval.min <= widest.max) {
      const [first, again] = [Math.min(widest.index, interval.index), Math.max(widest.index, interval.index)];
      const message = `Found ${show(entries[again])}, which has values in common with ${show(entries[first])}`;
      findings.warn('overlap', [...path, again], message);
    }
    if (interval.max > widest.max) widest = interval;
  }
}
