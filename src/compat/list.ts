import { CompatError } from './errors.ts';
import { MAX_LIST, MAX_PARAMETERS } from './limits.ts';
import { isModelName, isParameterName, isVersionName, quoted, sortedByName } from './names.ts';
import { EXPECTED, readValue } from './value.ts';

/**
 * The migration parameter list of a device: its model, the parameters whose effect is not switched off, and the version
 * or profile that says the same, where the device was made with one.
 */
export interface MigrationList {
  /** The device model string, such as `a.com/nic`. */
  readonly model: string;
  readonly version: string | undefined;
  /** Texts of values by name, sorted by name byte by byte. What is built from a model is canonical (`formatValue`). */
  readonly parameters: ReadonlyMap<string, string>;
}

/**
 * A list from what a person or a program gives: each parameter as `name=value`, in any order. Throws `ERR_COMPAT_LIST`
 * naming the one that cannot be, is there twice, or is beyond a limit.
 */
export function parseList(given: {
  readonly model: string;
  readonly version?: string | undefined;
  readonly params?: readonly string[];
}): MigrationList {
  const params = given.params ?? [];
  if (params.length > MAX_PARAMETERS)
    throw listError('params', `found ${params.length} parameters, expected at most ${MAX_PARAMETERS}`);
  const parameters = new Map<string, string>();
  for (const param of params) {
    const [name, value] = splitParameter(param);
    if (parameters.has(name)) throw listError(name, 'is given twice');
    parameters.set(name, value);
  }
  return listOf(given.model, given.version, parameters);
}

/**
 * The one text of a list: the model, then `version: v` where there is one, then a line `name=value` for each parameter,
 * sorted by name. No name has white space before its `=`, so the line of the version is never taken for a parameter.
 */
export function formatList(list: MigrationList): string {
  return textOf(list.model, list.version, list.parameters);
}

/** A list from the text that `formatList` makes. Throws `ERR_COMPAT_LIST` naming the line. */
export function readList(text: string): MigrationList {
  if (text.length > MAX_LIST)
    throw listError('list', `found ${text.length} characters, expected at most ${MAX_LIST} bytes`);
  if (!text.endsWith('\n')) throw listError('list', 'does not end with a newline');
  const lines = text.slice(0, -1).split('\n');
  const model = lines[0] ?? '';
  const version = lines[1]?.startsWith(VERSION_LINE) ? lines[1].slice(VERSION_LINE.length) : undefined;
  return parseList({ model, version, params: lines.slice(version === undefined ? 1 : 2) });
}

/** A list of these parameters, sorted and within the limits. */
export function listOf(
  model: string,
  version: string | undefined,
  parameters: Iterable<readonly [string, string]>,
): MigrationList {
  if (!isModelName(model))
    throw listError('model', `found ${quoted(model)}, expected a domain name and a path, such as a.com/nic`);
  if (version !== undefined && !isVersionName(version))
    throw listError('version', `found ${quoted(version)}, expected ASCII text in one line`);
  const sorted = sortedByName(parameters);
  const bytes = Buffer.byteLength(textOf(model, version, sorted));
  if (bytes > MAX_LIST) throw listError('list', `found ${bytes} bytes of text, expected at most ${MAX_LIST}`);
  return { model, version, parameters: sorted };
}

const VERSION_LINE = 'version: ';

function textOf(model: string, version: string | undefined, parameters: ReadonlyMap<string, string>): string {
  let text = `${model}\n`;
  if (version !== undefined) text += `${VERSION_LINE}${version}\n`;
  for (const [name, value] of parameters) text += `${name}=${value}\n`;
  return text;
}

function splitParameter(param: string): [name: string, value: string] {
  const at = param.indexOf('=');
  if (at < 0) throw listError(quoted(param), 'found no =, expected name=value');
  const [name, value] = [param.slice(0, at), param.slice(at + 1)];
  if (!isParameterName(name))
    throw listError(
      quoted(param),
      `${quoted(name)} cannot be a name: without =, / or white space, not empty`,
    );
  if (readValue('str', value) === undefined)
    throw listError(name, `found ${quoted(value)}, expected ${EXPECTED.str}`);
  return [name, value];
}

function listError(field: string, message: string): CompatError {
  return new CompatError('ERR_COMPAT_LIST', field, message);
}
