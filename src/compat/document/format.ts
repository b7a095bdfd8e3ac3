import type { Domain } from '../domain.ts';
import type { Assignment, MigrationInfo, Model, Parameter } from '../model.ts';
import { sortedByName } from '../names.ts';
import type { Value } from '../value.ts';

/**
 * The canonical text of a document: models and parameters sorted by name, allowed values sorted and as few as can be,
 * numbers above 2^53 - 1 as strings. `parseInfo` makes the same of it again.
 */
export function formatInfo(info: MigrationInfo): string {
  const models = mapped(sortedByName(info.models), modelDocument);
  return `${JSON.stringify({ models }, undefined, 2)}\n`;
}

function modelDocument({ parameters, versions, profiles, constraints }: Model): object {
  const names = [...profiles.keys()];
  const listed = versions.length !== names.length || versions.some((name, i) => name !== names[i]);
  return {
    ...(parameters.size > 0 || !listed
      ? { params: mapped(sortedByName(parameters), parameterDocument) }
      : {}),
    ...(listed || names.some(isIndex) ? { versions } : {}),
    ...(names.length > 0 ? { profiles: mapped(profiles, profileDocument) } : {}),
    ...(constraints.length > 0
      ? { 'x-constraints': constraints.map(({ text }): unknown => JSON.parse(text)) }
      : {}),
  };
}

/** Objects have such members before all others, so that the order of profiles has to be told by `versions`. */
function isIndex(name: string): boolean {
  return /^\d+$/.test(name);
}

function parameterDocument({
  type,
  init,
  off,
  domain,
  description,
  since,
  valuesSince,
  prefer,
  live,
}: Parameter): object {
  const later = valuesSince.map(({ values, since: from }) => ({
    allowed_values: entriesOf(values),
    since: from,
  }));
  return {
    type,
    init_value: jsonOf(init),
    ...(off === undefined ? {} : { off_value: jsonOf(off) }),
    ...(domain.kind === 'any' ? {} : { allowed_values: entriesOf(domain) }),
    ...(description === undefined ? {} : { description }),
    ...(since === undefined ? {} : { 'x-since': later.length === 0 ? since : { since, values: later } }),
    ...(prefer === undefined ? {} : { 'x-prefer': prefer }),
    ...(live === undefined ? {} : { 'x-live': live }),
  };
}

function profileDocument(values: Assignment): object {
  return mapped(sortedByName(values), jsonOf);
}

function entriesOf(domain: Domain): (boolean | number | string)[] {
  if (domain.kind === 'bool') return [...(domain.on ? [true] : []), ...(domain.off ? [false] : [])];
  if (domain.kind === 'str')
    return [...sortedByName([...domain.values].map((value) => [value, value])).keys()];
  if (domain.kind === 'any') return [];
  return domain.intervals.map(({ min, max }) => (min === max ? jsonOf(min) : `${min}-${max}`));
}

function jsonOf(value: Value): boolean | number | string {
  if (typeof value !== 'bigint') return value;
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value.toString();
}

/** An object of JSON. A member may be called anything, `__proto__` as well. */
function mapped<T, U>(entries: ReadonlyMap<string, T>, map: (value: T) => U): Record<string, U> {
  return Object.fromEntries([...entries].map(([name, value]) => [name, map(value)]));
}
