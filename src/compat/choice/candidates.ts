/** What could be chosen, as a whole, and who takes it. */
import { MAX_CANDIDATES } from '../limits.ts';
import type { Assignment, Parameter } from '../model.ts';
import { holds } from '../rules.ts';
import type { Column, Entry, Member } from './column.ts';
import { takes } from './common.ts';
import type { Field } from './field.ts';
import type { Offer } from './variants.ts';

/** A list that a device could have. */
export interface Candidate {
  /** What it says about each parameter, by name; undefined: the version alone says what the device is. */
  readonly entries: ReadonlyMap<string, Entry> | undefined;
  /** The version that it names; then only those who have that version take it. */
  readonly version: string | undefined;
  /** The profile that it comes from. */
  readonly profile?: string;
}

/** The members of `field` that take `candidate`, and would give the same list. */
export function takers(field: Field, candidate: Candidate): Set<Member> {
  const { version } = candidate;
  const entries = candidate.entries && entriesFor(field, candidate.entries);
  const fits = new Uint8Array(field.pool.variants.stances.length + 1).fill(1);
  const needed: number[] = [];
  for (const { name, index, opinions } of field.columns) {
    const entry = entries?.get(name);
    if (entry === undefined) continue;
    for (const { stance, parameter } of opinions) fits[stance + 1] = Number(takes(parameter, entry));
    if (!takes(undefined, entry)) needed.push(index);
  }
  const offering = new Set<Offer>();
  for (const offer of new Set(field.members.map(({ variant }) => variant.offer)))
    if (offersIt(offer, entries, version)) offering.add(offer);
  const taken = new Set<Member>();
  for (const member of field.members) {
    const { stances, offer } = member.variant;
    if (!offering.has(offer)) continue;
    const byVersion = entries === undefined || needsVersion(member);
    if (byVersion ? version !== undefined : fit(stances, fits, needed)) taken.add(member);
  }
  return taken;
}

/** `entries` for all parameters of `field`: those that it does not know are not in the list. */
function entriesFor(field: Field, entries: ReadonlyMap<string, Entry>): Map<string, Entry> {
  return new Map(
    field.columns.map((column) => {
      const cover = field.coverOf(column);
      const { value, off } = entries.get(column.name) ?? { value: undefined, off: undefined };
      return [
        column.name,
        value === undefined ? { value, off: off ?? cover.off } : cover.entryOf(value, off),
      ];
    }),
  );
}

function fit(stances: Uint32Array, fits: Uint8Array, needed: readonly number[]): boolean {
  for (const said of stances) if (fits[said] === 0) return false;
  for (const index of needed) if ((stances[index] ?? 0) === 0) return false;
  return true;
}

/** Whether `member` is one of RFC v4, whose devices have a version and nothing else. */
export function needsVersion({ variant }: Member): boolean {
  return variant.stances.length === 0 && variant.offer.names.length > 0;
}

/** Whether an implementation's versions, profiles and rules let it take such a list. */
function offersIt(
  { names, profiles, constraints }: Offer,
  entries: ReadonlyMap<string, Entry> | undefined,
  version: string | undefined,
): boolean {
  if (version !== undefined && !names.includes(version)) return false;
  if (entries === undefined) return true;
  if (!constraints.every((rule) => holds(rule, (name) => valueIn(entries.get(name))) !== 'no')) return false;
  const profile = version === undefined ? undefined : profiles.get(version);
  if (profile === undefined) return true;
  for (const [name, { value, off }] of entries) {
    const meant = profile.get(name);
    if ((meant === off ? undefined : meant) !== value) return false;
  }
  return true;
}

/** The value of a device with this entry in its list. */
export function valueIn(entry: Entry | undefined): Entry['value'] {
  return entry?.value ?? entry?.off;
}

/**
 * Lists with the profiles and versions of the members, those of the most modern one first, and of each the newest
 * first. Each profile comes once by its name, once by its parameters alone. At most `MAX_CANDIDATES` names.
 */
export function* named(field: Field): Generator<Candidate> {
  const offers = new Set<Offer>();
  const seen = new Set<string>();
  const versionsCount = field.members.some(needsVersion);
  for (const member of field.order) {
    const { offer } = member.variant;
    if (offer.names.length === 0 || offers.has(offer)) continue;
    offers.add(offer);
    for (const version of offer.names) {
      const profile = offer.profiles.get(version);
      if (profile === undefined && !versionsCount) continue;
      const key = `${version}\n${profile === undefined ? '' : [...profile].map(([p, v]) => `${p}=${String(v)}`).join('\n')}`;
      if (seen.has(key)) continue;
      if (seen.add(key).size > MAX_CANDIDATES) return;
      const entries = profile === undefined ? undefined : entriesOf(field, member, profile);
      yield { entries, version, profile: version };
      if (entries !== undefined) yield { entries, version: undefined, profile: version };
    }
  }
}

/** What new devices have: of `MAX_CANDIDATES` members, evenly from the most modern one to the least. */
export function* initial(field: Field): Generator<Candidate> {
  const { order } = field;
  const tried = Math.min(order.length, MAX_CANDIDATES);
  for (let i = 0; i < tried; i++) {
    const member = order[Math.floor((i * order.length) / tried)]!;
    if (!needsVersion(member)) yield { entries: entriesOf(field, member, undefined), version: undefined };
  }
}

/** What most take of each parameter, whoever takes what of the others. */
export function* popular(field: Field): Generator<Candidate> {
  const best = field.columns.map((column) => [column.name, field.coverOf(column).best().entry] as const);
  yield { entries: new Map(best), version: undefined };
}

function entriesOf(field: Field, member: Member, profile: Assignment | undefined): Map<string, Entry> {
  return new Map(
    field.columns.map((column) => [
      column.name,
      entryOf(field, column, field.parameterOf(member, column), profile),
    ]),
  );
}

function entryOf(
  field: Field,
  column: Column,
  own: Parameter | undefined,
  profile: Assignment | undefined,
): Entry {
  const cover = field.coverOf(column);
  const value = profile === undefined ? own?.init : (profile.get(column.name) ?? own?.off ?? own?.init);
  return value === undefined ? { value: undefined, off: cover.off } : cover.entryOf(value, own?.off);
}
