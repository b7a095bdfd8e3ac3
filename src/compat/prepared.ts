/** A list as it is checked: its texts read once for each type, and beside them what the source says. */
import { buildList, profileValues } from './complete.ts';
import { CompatError } from './errors.ts';
import type { MigrationList } from './list.ts';
import type { Model, Parameter } from './model.ts';
import { formatValue, PARAMETER_TYPES, type ParameterType, readValue, type Value } from './value.ts';
import type { Change } from './verdict.ts';

/** What is known of one parameter before any destination is looked at. */
export interface Known {
  readonly name: string;
  /** Its text in the list; undefined where it is not in the list. */
  readonly text: string | undefined;
  /** What that text is as a value of each type. */
  readonly values: Readonly<Record<ParameterType, Value | undefined>>;
  /** What the source's document says about it. */
  readonly source: Parameter | undefined;
}

/** A list, ready to be held against any number of destinations. */
export interface Prepared {
  readonly list: MigrationList;
  /** The version that says what the device is. */
  readonly version: string | undefined;
  readonly source: Model | undefined;
  /** How many parameters are in the list. */
  readonly listed: number;
  /** Every parameter of the list and of the source, by name. */
  readonly known: ReadonlyMap<string, Known>;
  /** Whether the parameters of the list say the whole of what the device is; else it is its version alone that does. */
  readonly byParameters: boolean;
}

export function prepare(given: MigrationList, source: Model | undefined): Prepared {
  if (source !== undefined && source.name !== given.model)
    throw new CompatError(
      'ERR_COMPAT_MODEL',
      'source',
      `is ${source.name}, and the list is of ${given.model}`,
    );
  const list = withProfile(given, source);
  const known = new Map<string, Known>();
  for (const [name, text] of list.parameters)
    known.set(name, { name, text, values: readAll(text), source: source?.parameters.get(name) });
  for (const [name, parameter] of source?.parameters ?? [])
    if (!known.has(name)) known.set(name, { name, text: undefined, values: NO_VALUES, source: parameter });
  const { version, parameters } = list;
  return { list, version, source, listed: parameters.size, known, byParameters: saysAll(list, source) };
}

/** The same source once it has been switched: its version no longer says what it is, its parameters do. */
export function switched(prepared: Prepared, changes: readonly Change[]): Prepared {
  const known = new Map(prepared.known);
  let { listed } = prepared;
  for (const { parameter: name, value } of changes) {
    const before = known.get(name);
    const off = before?.source?.off;
    const text = off !== undefined && formatValue(off) === value ? undefined : value;
    listed += (text === undefined ? 0 : 1) - (before?.text === undefined ? 0 : 1);
    const values = text === undefined ? NO_VALUES : readAll(text);
    known.set(name, { name, text, values, source: before?.source });
  }
  return { ...prepared, version: undefined, listed, known, byParameters: true };
}

/** A list that gives its version alone, with the parameters that this version has at the source. */
function withProfile(list: MigrationList, source: Model | undefined): MigrationList {
  if (list.version === undefined || list.parameters.size > 0 || source === undefined) return list;
  const values = profileValues(source, list.version);
  return values === undefined ? list : buildList(source, values, list.version);
}

function saysAll({ version, parameters }: MigrationList, source: Model | undefined): boolean {
  if (parameters.size > 0) return true;
  if (version !== undefined) return source?.profiles.has(version) ?? false;
  return source === undefined || source.parameters.size > 0 || source.versions.length === 0;
}

const NO_VALUES = { bool: undefined, int: undefined, str: undefined };

function readAll(text: string): Known['values'] {
  const values: Record<ParameterType, Value | undefined> = { ...NO_VALUES };
  for (const type of PARAMETER_TYPES) values[type] = readValue(type, text);
  return values;
}

/**
 * The value that the source has of a parameter of the destination: the one in the list, else the off value. Undefined where
 * there is none, or none of this type.
 */
export function valueAt(known: Known | undefined, parameter: Parameter): Value | undefined {
  if (known?.text === undefined) return parameter.off;
  return sameType(known, parameter) ? known.values[parameter.type] : undefined;
}

/** Whether the source's document, where it is known, gives the parameter the type that it has at the destination. */
export function sameType({ source }: Known, parameter: Parameter): boolean {
  return source === undefined || source.type === parameter.type;
}

/** Whether both switch the parameter off, by different values (condition 5). */
export function offDiffers(known: Known | undefined, { off }: Parameter): boolean {
  const sourceOff = known?.source?.off;
  return sourceOff !== undefined && off !== undefined && sourceOff !== off;
}
