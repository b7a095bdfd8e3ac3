/** Members of objects: those that are there, and those that nobody knows. */
import { type Findings, show } from './findings.ts';
import type { Path } from './places.ts';

/** An object of JSON. */
export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The members of `raw`, in the order of the document; none, with a finding, where it is no object or has more than `most`. */
export function membersOf(
  raw: unknown,
  most: number,
  path: Path,
  findings: Findings,
): [name: string, value: unknown][] {
  if (!isObject(raw)) {
    findings.error('wrong-form', path, `Found ${show(raw)}, expected an object`);
    return [];
  }
  const members = Object.entries(raw);
  if (members.length <= most) return members;
  findings.error('too-many', path, `Found ${members.length} members, expected at most ${most}`);
  return [];
}

/** The entries of the list `raw`; none, with a finding, where it is no list or has more than `most`. */
export function entriesOf(raw: unknown, most: number, path: Path, findings: Findings): readonly unknown[] {
  if (!Array.isArray(raw)) {
    findings.error('wrong-form', path, `Found ${show(raw)}, expected a list`);
    return [];
  }
  if (raw.length <= most) return raw;
  findings.error('too-many', path, `Found ${raw.length} entries, expected at most ${most}`);
  return [];
}

/** Warns of members of `object` that are not `known`, so that they have no effect; those of extensions (`x-`) may be there. */
export function warnOfUnknown(
  object: JsonObject,
  known: ReadonlySet<string>,
  path: Path,
  findings: Findings,
): void {
  for (const name in object)
    if (!known.has(name) && !name.startsWith('x-'))
      findings.warn(
        'unknown-member',
        [...path, name],
        `Found ${show(name)}, which is not known and has no effect`,
        'name',
      );
}

/** Adds a finding for each of `names` that `object` does not have. */
export function requireMembers(
  object: JsonObject,
  names: readonly string[],
  path: Path,
  findings: Findings,
): void {
  for (const name of names)
    if (object[name] === undefined) findings.error('missing', path, `Found no ${name}, which is required`);
}

/** What `decode` makes of a member of `object`; undefined where it is not there. */
export function given<T>(
  object: JsonObject,
  name: string,
  path: Path,
  decode: (value: unknown, path: Path) => T,
): T | undefined {
  const value = object[name];
  return value === undefined ? undefined : decode(value, [...path, name]);
}
