/** Fields of two descriptions that lie at one place of the stream and share no name there. */
import { type Field, isPadding } from './dump.ts';
import type { Inside } from './fields.ts';
import { opened, sameLayout, wireBytes } from './layout.ts';
import { type Place, WHEN_NEEDED } from './reason.ts';

type CompareFields = (
  source: readonly Field[],
  destination: readonly Field[],
  place: Place,
  inside: Inside,
) => void;

/**
 * Explains a gap. In this order: fields that went into a structure or came out of one, which are the same bytes; then, from
 * the left, structures or fields of another name and the same layout, padding of as many bytes, and fields that are there
 * under a condition. What is left is a difference.
 */
export function compareGap(
  source: readonly Field[],
  destination: readonly Field[],
  place: Place,
  inside: Inside,
  again: CompareFields,
): void {
  const have = openShared(source, destination);
  const want = openShared(destination, source);
  if (have.structures.length + want.structures.length > 0) {
    again(have.fields, want.fields, place, inside);
    for (const { description } of have.structures) inside.subsections(description?.subsections ?? [], place);
    return;
  }
  new Gap(source, destination, place, inside).walk();
}

/** Puts the fields of those structures in their place that have a name in common with `others`. */
function openShared(
  fields: readonly Field[],
  others: readonly Field[],
): { fields: Field[]; structures: Field[] } {
  const names = new Set(others.filter((field) => !isPadding(field)).map(({ name }) => name));
  const structures: Field[] = [];
  const all = fields.flatMap((field) => {
    if (field.description === undefined || (field.count ?? 1) !== 1) return field;
    const within = opened(field);
    if (!within.some(({ name }) => names.has(name))) return field;
    structures.push(field);
    return within;
  });
  return { fields: all, structures };
}

class Gap {
  readonly #source: readonly Field[];
  readonly #destination: readonly Field[];
  readonly #place: Place;
  readonly #inside: Inside;
  #i = 0;
  #j = 0;

  constructor(source: readonly Field[], destination: readonly Field[], place: Place, inside: Inside) {
    this.#source = source;
    this.#destination = destination;
    this.#place = place;
    this.#inside = inside;
  }

  walk(): void {
    for (;;) {
      const have = this.#source[this.#i];
      const want = this.#destination[this.#j];
      if (have === undefined && want === undefined) return;
      if (have !== undefined && want !== undefined) {
        if (this.#renamed(have, want) || this.#padded(have, want)) continue;
      }
      if (this.#conditional(have, want)) continue;
      this.#differs();
      return;
    }
  }

  #renamed(have: Field, want: Field): boolean {
    const [inner, other] = [have.description, want.description];
    const structures = inner !== undefined && other !== undefined && (have.count ?? 1) === (want.count ?? 1);
    const sameStructure = structures && inner.name === other.name;
    if (!sameStructure && !(sameLayout(have, want) && !isPadding(have))) return false;
    const unknown = !sameStructure && wireBytes(have) === 0;
    this.#inside.findings.add(this.#place, {
      code: 'field-renamed',
      answer: unknown ? 'unproven' : 'yes',
      field: have.name,
      have: have.name,
      want: want.name,
      message: unknown
        ? `${have.name} is called ${want.name} at the destination; lengths of both are only known at run time`
        : `${have.name} is called ${want.name} at the destination, and is the same bytes`,
      ...(unknown && { remedy: 'Rehearse the move: the two may not be the same' }),
    });
    if (structures) {
      const path = `${this.#place.path}/${have.name}`;
      this.#inside.structures(inner, other, { ...this.#place, description: inner.name, path });
    }
    this.#i++;
    this.#j++;
    return true;
  }

  /** Padding at one side takes the place of as many bytes at the other. */
  #padded(have: Field, want: Field): boolean {
    if (isPadding(have) && isPadding(want) && sameLayout(have, want)) {
      this.#i++;
      this.#j++;
      return true;
    }
    if (!isPadding(have) && !isPadding(want)) return false;
    if (have.conditional || want.conditional) return false;
    const [i, j] = [this.#i, this.#j];
    const ends = this.#sameBytes(i, j);
    if (ends === undefined) return false;
    for (const field of this.#source.slice(i, ends.i)) if (!isPadding(field)) this.#ignored(field);
    for (const field of this.#destination.slice(j, ends.j)) if (!isPadding(field)) this.#zero(field);
    this.#i = ends.i;
    this.#j = ends.j;
    return true;
  }

  /** Where both sides have taken the same number of bytes, with padding alone at one side at each step. */
  #sameBytes(i: number, j: number): { i: number; j: number } | undefined {
    let [have, want] = [0, 0];
    let [covering, covered] = [false, false];
    do {
      const source = this.#source[i];
      const destination = this.#destination[j];
      if (have <= want) {
        if (source === undefined || source.conditional) return undefined;
        have += wireBytes(source);
        covering = isPadding(source);
        i++;
      } else {
        if (destination === undefined || destination.conditional) return undefined;
        want += wireBytes(destination);
        covered = isPadding(destination);
        j++;
      }
      if (i > this.#i && j > this.#j && !covering && !covered) return undefined;
    } while (have !== want || have === 0);
    return { i, j };
  }

  #ignored(field: Field): void {
    this.#inside.findings.add(this.#place, {
      code: 'field-ignored',
      answer: 'yes',
      field: field.name,
      have: lengthOf(field),
      message: `The destination reads over ${field.name}`,
    });
  }

  #zero(field: Field): void {
    this.#inside.findings.add(this.#place, {
      code: 'field-zero',
      answer: 'unproven',
      field: field.name,
      want: lengthOf(field),
      message: `The source sends zeroes where the destination reads ${field.name}`,
      remedy: 'Rehearse the move: a newer device may do without the field, the older one may not',
    });
  }

  /** A field that is there under a condition need not have a counterpart; the one without goes first. */
  #conditional(have: Field | undefined, want: Field | undefined): boolean {
    if (have?.conditional) {
      this.#inside.findings.add(this.#place, {
        code: 'field-missing',
        answer: 'unproven',
        field: have.name,
        have: lengthOf(have),
        message: `The destination does not read ${have.name}, which the source sends under a condition`,
        remedy: WHEN_NEEDED,
      });
      this.#i++;
      return true;
    }
    if (!want?.conditional) return false;
    this.#inside.findings.add(this.#place, {
      code: 'field-added',
      answer: 'unproven',
      field: want.name,
      want: lengthOf(want),
      message: `The source does not send ${want.name}, which the destination reads under a condition`,
      remedy: WHEN_NEEDED,
    });
    this.#j++;
    return true;
  }

  /** The rest of the gap, as one. */
  #differs(): void {
    const have = this.#source.slice(this.#i);
    const want = this.#destination.slice(this.#j);
    const first = have[0] ?? want[0];
    if (first === undefined) return;
    const code = want.length === 0 ? 'field-missing' : have.length === 0 ? 'field-added' : 'field-differs';
    this.#inside.findings.add(this.#place, {
      code,
      answer: 'no',
      field: first.name,
      ...(have.length > 0 && { have: listOf(have) }),
      ...(want.length > 0 && { want: listOf(want) }),
      message: {
        'field-missing': `The source sends ${listOf(have)}, which the destination does not read`,
        'field-added': `The destination reads ${listOf(want)}, which the source does not send`,
        'field-differs': `The source sends ${listOf(have)} where the destination reads ${listOf(want)}`,
      }[code],
    });
  }
}

/** Names told before the rest is only counted. */
const TOLD = 8;

function listOf(fields: readonly Field[]): string {
  const told = fields.slice(0, TOLD).map((field) => `${field.name} (${lengthOf(field)})`);
  return fields.length > TOLD ? `${told.join(', ')} and ${fields.length - TOLD} more` : told.join(', ');
}

function lengthOf(field: Field): string {
  const bytes = wireBytes(field);
  return bytes === 0 ? 'a length known at run time' : `${bytes} ${bytes === 1 ? 'byte' : 'bytes'}`;
}
