/** The fields of two descriptions, put side by side in the order of the stream. */
import type { Description, Field } from './dump.ts';
import { isPadding } from './dump.ts';
import { compareGap } from './gap.ts';
import { sameLayout } from './layout.ts';
import type { Findings, Place } from './reason.ts';

/** Where what is found goes, and what to do with what is inside of fields. */
export interface Inside {
  readonly findings: Findings;
  /** Two structures at one place of the stream. */
  structures(source: Description, destination: Description, place: Place): void;
  /** Subsections of a structure that the destination spells out field by field: it reads none there. */
  subsections(sources: readonly Description[], place: Place): void;
}

/** Compares fields of the same name in their order; what lies between two such pairs is a gap, to be explained as a whole. */
export function compareFields(
  source: readonly Field[],
  destination: readonly Field[],
  place: Place,
  inside: Inside,
): void {
  const places = indexByName(destination);
  let [i, j] = [0, 0];
  while (i < source.length || j < destination.length) {
    const [have, want] = [source[i], destination[j]];
    if (have && want && have.name === want.name && !isPadding(have) && !isPadding(want)) {
      comparePair(have, want, place, inside);
      [i, j] = [i + 1, j + 1];
      continue;
    }
    const [a, b] = nextPair(source, i, destination.length, j, places);
    compareGap(source.slice(i, a), destination.slice(j, b), place, inside, compareFields);
    [i, j] = [a, b];
  }
}

/** Where each name stands; padding is no name to go by. */
function indexByName(fields: readonly Field[]): ReadonlyMap<string, number[]> {
  const places = new Map<string, number[]>();
  for (const [i, field] of fields.entries()) {
    if (isPadding(field)) continue;
    const list = places.get(field.name);
    if (list === undefined) places.set(field.name, [i]);
    else list.push(i);
  }
  return places;
}

/** The nearest two fields of one name from `i` and `j` on, or both ends. */
function nextPair(
  source: readonly Field[],
  i: number,
  ends: number,
  j: number,
  places: ReadonlyMap<string, number[]>,
): [number, number] {
  let best: [number, number] = [source.length, ends];
  let distance = Number.POSITIVE_INFINITY;
  for (let a = i; a < source.length && a - i < distance; a++) {
    const field = source[a];
    if (field === undefined || isPadding(field)) continue;
    const b = places.get(field.name)?.find((place) => place >= j);
    if (b === undefined || a - i + b - j >= distance) continue;
    best = [a, b];
    distance = a - i + b - j;
  }
  return best;
}

/** Two fields of one name at one place. */
function comparePair(source: Field, destination: Field, place: Place, inside: Inside): void {
  const { findings } = inside;
  const field = source.name;
  if (source.conditional !== destination.conditional) {
    const [where, other] = source.conditional ? ['source', 'destination'] : ['destination', 'source'];
    findings.add(place, {
      code: 'field-condition',
      answer: 'yes',
      field,
      message:
        `At the ${where} a condition decides whether ${field} is there, at the ${other} it always is; ` +
        'conditions are kept for old machine types, and go with them',
    });
  }
  if (source.description !== undefined && destination.description !== undefined) {
    inside.structures(source.description, destination.description, {
      ...place,
      description: source.description.name,
      path: `${place.path}/${field}`,
    });
    if ((source.count ?? 1) !== (destination.count ?? 1)) countDiffers(source, destination, place, findings);
  } else if (source.description !== undefined || destination.description !== undefined) {
    const same = sameLayout({ ...source, conditional: false }, { ...destination, conditional: false });
    const [structured, other] = source.description ? ['source', 'destination'] : ['destination', 'source'];
    findings.add(place, {
      code: 'structure',
      answer: same ? 'yes' : 'no',
      field,
      message: `${field} is a structure at the ${structured}, and not at the ${other}${same ? ', of the same bytes' : ''}`,
    });
  } else if (source.size !== destination.size || (source.count ?? 1) !== (destination.count ?? 1)) {
    sizeDiffers(source, destination, place, findings);
  }
}

/** Lengths in memory tell those in the stream unless they are only known at run time, or cut up otherwise. */
function sizeDiffers(source: Field, destination: Field, place: Place, findings: Findings): void {
  const [have, want] = [lengthOf(source), lengthOf(destination)];
  const atRunTime = source.size === 0 || destination.size === 0;
  const oneIsList =
    source.size === destination.size && (source.count === undefined) !== (destination.count === undefined);
  const sameBytes = source.size * (source.count ?? 1) === destination.size * (destination.count ?? 1);
  const may = atRunTime || oneIsList || sameBytes ? 'the same bytes' : undefined;
  findings.add(place, sizes(source.name, have, want, may));
}

function countDiffers(source: Field, destination: Field, place: Place, findings: Findings): void {
  const [have, want] = [elementsOf(source), elementsOf(destination)];
  const may = source.count === undefined || destination.count === undefined ? 'as many' : undefined;
  findings.add(place, sizes(source.name, have, want, may));
}

/** Two sizes of one field. `may`: what they may be in the stream all the same. */
function sizes(field: string, have: string, want: string, may: string | undefined) {
  return {
    code: 'size' as const,
    answer: may === undefined ? ('no' as const) : ('unproven' as const),
    field,
    have,
    want,
    message: `${field} is ${have} at the source and ${want} at the destination`,
    ...(may !== undefined && { remedy: `Rehearse the move: these may be ${may} in the stream` }),
  };
}

function elementsOf({ count }: Field): string {
  return count === undefined ? 'of a number of structures known at run time' : `${count} structures`;
}

function lengthOf({ size, count }: Field): string {
  if (size === 0) return 'of a length known at run time';
  return count === undefined ? `${size} bytes` : `${count} × ${size} bytes`;
}
