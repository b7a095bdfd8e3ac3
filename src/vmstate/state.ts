/** Two descriptions of one state: versions, fields, structures inside and subsections. */
import type { Description } from './dump.ts';
import { compareFields, type Inside } from './fields.ts';
import { fieldsAt } from './layout.ts';
import { type Findings, type Place, WHEN_NEEDED } from './reason.ts';

type Versioned = Pick<Description, 'version' | 'minimumVersion'>;

/** The version that is in the stream, of a device or a subsection. */
export function compareVersions(
  source: Versioned,
  destination: Versioned,
  place: Place,
  findings: Findings,
): void {
  if (loads(destination, source.version)) return;
  findings.add(place, {
    code: 'version',
    answer: 'no',
    have: String(source.version),
    want: versionsOf(destination),
    message: `The source sends version ${source.version} of ${place.description}, the destination loads ${versionsOf(destination)}`,
  });
}

/** Fields and subsections of two descriptions; the destination processes `version` of its own. */
export function compareState(
  source: Description,
  destination: Description,
  version: number,
  place: Place,
  findings: Findings,
): void {
  if (source.fields === undefined || destination.fields === undefined) {
    if (source.fields !== destination.fields) unmigratable(source.fields === undefined, place, findings);
    return;
  }
  const inside: Inside = {
    findings,
    structures: (have, want, at) => compareStructures(have, want, at, findings),
    subsections: (have, at) => compareSubsections(have, [], at, findings),
  };
  const have = fieldsAt(source, source.version);
  const want = fieldsAt(destination, version);
  // A description that only wraps another adds nothing to the stream
  const wrapped = wrappedIn(want, source);
  const unwrapped = wrappedIn(have, destination);
  if (wrapped !== undefined) {
    compareFields(have, fieldsAt(wrapped, wrapped.version), place, inside);
    compareSubsections(source.subsections, [wrapped, destination], place, findings);
  } else if (unwrapped !== undefined) {
    compareFields(fieldsAt(unwrapped, unwrapped.version), want, place, inside);
    compareSubsections([...unwrapped.subsections, ...source.subsections], [destination], place, findings);
  } else {
    compareFields(have, want, place, inside);
    compareSubsections(source.subsections, [destination], place, findings);
  }
}

/** A side without fields, or without a description, is that of a device that cannot be migrated. */
export function unmigratable(atSource: boolean, place: Place, findings: Findings): void {
  const side = atSource ? 'source' : 'destination';
  findings.add(place, {
    code: 'unmigratable',
    answer: 'no',
    message: `The ${side} describes no state of ${place.description}: it cannot migrate the device, the other side can`,
    remedy: atSource ? 'Remove the device before the move' : 'Choose a newer destination',
  });
}

/** The structure in the only field of `fields` if it is what `other` describes, and `other` is not the same wrapper. */
function wrappedIn(fields: Description['fields'] & object, other: Description): Description | undefined {
  const [only] = fields;
  if (only?.description === undefined || fields.length !== 1 || (only.count ?? 1) !== 1) return undefined;
  const same = other.fields?.some(({ name }) => name === only.name) === true;
  return !same && only.description.name === other.name ? only.description : undefined;
}

/** Neither name nor version of a structure is sent: the destination reads it by its own version. */
function compareStructures(
  source: Description,
  destination: Description,
  place: Place,
  findings: Findings,
): void {
  if (source.name !== destination.name) {
    findings.add(place, {
      code: 'structure-name',
      answer: 'yes',
      have: source.name,
      want: destination.name,
      message: `The structure ${source.name} is called ${destination.name} at the destination, which is not in the stream`,
    });
  }
  if (!loads(destination, source.version)) {
    findings.add(place, {
      code: 'structure-version',
      answer: 'yes',
      have: String(source.version),
      want: versionsOf(destination),
      message:
        `The structure ${source.name} has version ${source.version}, the destination's ${versionsOf(destination)}; ` +
        'versions of structures are not in the stream, their fields decide',
    });
  }
  compareState(source, destination, destination.version, place, findings);
}

/**
 * Subsections that the source may send. The destination takes a name for the first of its own with that name, and refuses
 * the state at one that it does not know; one that does not come is not missed.
 */
function compareSubsections(
  sources: readonly Description[],
  destinations: readonly Description[],
  place: Place,
  findings: Findings,
): void {
  const known = destinations.flatMap(({ subsections }) => subsections);
  const seen = new Set<string>();
  for (const source of sources) {
    const at: Place = {
      device: place.device,
      description: source.name,
      path: `${place.path}[${source.name}]`,
      optional: true,
    };
    const there = known.find(({ name }) => name === source.name);
    if (seen.has(source.name)) subsectionIsThereTwice(source, at, findings);
    else if (there === undefined) subsectionIsMissing(source, place, findings);
    else {
      compareVersions(source, there, at, findings);
      compareState(source, there, source.version, at, findings);
    }
    seen.add(source.name);
  }
}

function subsectionIsMissing({ name }: Description, place: Place, findings: Findings): void {
  findings.add(place, {
    code: 'subsection',
    answer: 'unproven',
    field: name,
    have: name,
    message: `The destination does not know the subsection ${name}, and refuses the state if it is sent`,
    remedy: WHEN_NEEDED,
  });
}

function subsectionIsThereTwice({ name }: Description, place: Place, findings: Findings): void {
  findings.add(place, {
    code: 'subsection-twice',
    answer: 'unproven',
    have: name,
    message: `The source has a second subsection ${name}, which the destination takes for the first if it is sent`,
    remedy: WHEN_NEEDED,
  });
}

function loads({ version, minimumVersion }: Versioned, sent: number): boolean {
  return sent <= version && sent >= minimumVersion;
}

function versionsOf({ version, minimumVersion }: Versioned): string {
  return minimumVersion >= version ? String(version) : `${minimumVersion} to ${version}`;
}
