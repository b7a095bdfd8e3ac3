/** From a list to what every parameter of a device is, and back. */
import { CompatError } from './errors.ts';
import { listOf, type MigrationList } from './list.ts';
import type { Assignment, Model, Parameter } from './model.ts';
import { someOf, sortedByName } from './names.ts';
import { formatValue, parseValue, type Value } from './value.ts';

/**
 * The list of a device of `model` whose parameters are `values`: each parameter that differs from its off value, so that
 * one without an off value is always there. `version` is what the device was made with; it is left out where its profile
 * no longer says what `values` say. Throws `ERR_COMPAT_LIST` where `values` are not those of `model`.
 */
export function buildList(model: Model, values: Assignment, version?: string): MigrationList {
  for (const name of values.keys())
    if (!model.parameters.has(name)) throw new CompatError('ERR_COMPAT_LIST', name, unknown(model));
  const parameters: [string, string][] = [];
  for (const parameter of model.parameters.values()) {
    const value = values.get(parameter.name);
    if (value === undefined)
      throw new CompatError('ERR_COMPAT_LIST', parameter.name, `has no value, expected ${parameter.type}`);
    if (value !== parameter.off) parameters.push([parameter.name, formatValue(value)]);
  }
  return listOf(
    model.name,
    version === undefined || says(model, version, values) ? version : undefined,
    parameters,
  );
}

/** What a new device of `model` has where nothing else is asked for. */
export function initialValues(model: Model): Assignment {
  return new Map([...model.parameters.values()].map(({ name, init }) => [name, init]));
}

/**
 * What the version or profile `version` of `model` makes of every parameter; those that the profile does not name, because
 * they came later, have their off value. Undefined where the document gives no profile of this name.
 */
export function profileValues(model: Model, version: string): Assignment | undefined {
  const profile = model.profiles.get(version);
  if (profile === undefined) return undefined;
  return sortedByName(
    [...model.parameters.values()].map(({ name, off, init }) => [name, profile.get(name) ?? off ?? init]),
  );
}

/**
 * What a device of `model` must have to take the place of one with `list`: the values of the list, the off value of every
 * other parameter. Sorted by name. Throws `ERR_COMPAT_LIST` naming a parameter that the model does not have or cannot
 * switch off, and `ERR_COMPAT_VALUE` naming a value of another type.
 */
export function complete(list: MigrationList, model: Model): Assignment {
  for (const name of list.parameters.keys())
    if (!model.parameters.has(name)) throw new CompatError('ERR_COMPAT_LIST', name, unknown(model));
  const values = [...model.parameters.values()].map(
    (parameter) => [parameter.name, given(list, parameter)] as const,
  );
  return sortedByName(values);
}

function given(list: MigrationList, { name, type, off }: Parameter): Value {
  const text = list.parameters.get(name);
  if (text !== undefined) return parseValue(name, type, text);
  if (off !== undefined) return off;
  throw new CompatError('ERR_COMPAT_LIST', name, 'is not in the list and has no off value');
}

function says(model: Model, version: string, values: Assignment): boolean {
  const profile = profileValues(model, version);
  return profile === undefined || [...profile].every(([name, value]) => values.get(name) === value);
}

function unknown({ name, parameters }: Model): string {
  return `is no parameter of ${name}, which has ${someOf(parameters.keys())}`;
}
