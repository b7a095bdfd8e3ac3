/** The device's side of a command line: from `--m-name=value` and its like to the value of every parameter. */
import { MODEL_OPTION, PARAMETER_OPTION, VERSION_OPTION } from './argv.ts';
import { initialValues, profileValues } from './complete.ts';
import { contains, formatDomain, quoteValue } from './domain.ts';
import { CompatError, type CompatErrorCode } from './errors.ts';
import type { Assignment, MigrationInfo, Model } from './model.ts';
import { quoted, short, someOf } from './names.ts';
import { holds } from './rules.ts';
import { compareBytes, parseValue, type Value } from './value.ts';

/** What a device is to be, and the arguments that are about something else. */
export interface Arguments {
  readonly model: Model;
  /** A value for every parameter of the model. */
  readonly values: Assignment;
  /** The version or profile that was asked for; undefined where parameters beside it say something else. */
  readonly version: string | undefined;
  /** All other arguments, as they were and in their order. */
  readonly rest: readonly string[];
}

/**
 * Read what a program that offers `info` was started with: `--m-name=value` or `--m-name value` for each parameter,
 * `--migration-model` where it offers several models, `--migration-version` for a version or profile; in any order. A
 * value may begin with `-` only behind `=`. What comes after `--` is not looked at. Parameters that are not given are what
 * the profile says, or without one their initial value.
 *
 * Throws a `CompatError` naming the argument: `ERR_COMPAT_ARGUMENT` (given twice, without a value, unknown, against a
 * rule), `ERR_COMPAT_VALUE` (of another type, or not taken), `ERR_COMPAT_MODEL` (not offered, or not named).
 */
export function readArguments(info: MigrationInfo, argv: readonly string[]): Arguments {
  const { options, rest } = split(argv);
  const model = chooseModel(info, options.get(MODEL_OPTION));
  const version = options.get(VERSION_OPTION);
  options.delete(MODEL_OPTION);
  options.delete(VERSION_OPTION);
  const values = new Map(
    version === undefined ? initialValues(model) : valuesOf(model, version, options.size > 0),
  );
  let says = version;
  for (const [option, text] of options) {
    const value = readOption(model, option, text);
    const name = option.slice(PARAMETER_OPTION.length);
    if (values.get(name) !== value) says = undefined;
    values.set(name, value);
  }
  checkRules(model, values);
  return { model, values, version: says, rest };
}

function split(argv: readonly string[]): { options: Map<string, string>; rest: string[] } {
  const options = new Map<string, string>();
  const rest: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i]!;
    if (argument === '--') return { options, rest: [...rest, ...argv.slice(i)] };
    const at = argument.indexOf('=');
    const option = at < 0 ? argument : argument.slice(0, at);
    if (!option.startsWith(PARAMETER_OPTION) && option !== MODEL_OPTION && option !== VERSION_OPTION) {
      rest.push(argument);
      continue;
    }
    if (options.has(option)) throw refused('ERR_COMPAT_ARGUMENT', option, 'is given twice');
    const value = at < 0 ? argv[++i] : argument.slice(at + 1);
    if (value === undefined || (at < 0 && value.startsWith('-')))
      throw refused(
        'ERR_COMPAT_ARGUMENT',
        option,
        `has no value; one that begins with - is given as ${short(option, 80)}=-…`,
      );
    options.set(option, value);
  }
  return { options, rest };
}

function chooseModel({ models }: MigrationInfo, name: string | undefined): Model {
  const offered = someOf([...models.keys()].sort(compareBytes));
  const chosen = name === undefined && models.size === 1 ? [...models.values()][0] : models.get(name ?? '');
  if (chosen !== undefined) return chosen;
  const found = name === undefined ? 'is needed' : `found ${quoted(name)}`;
  throw refused('ERR_COMPAT_MODEL', MODEL_OPTION, `${found}, this program offers ${offered}`);
}

function valuesOf(model: Model, version: string, overridden: boolean): Assignment {
  const values = profileValues(model, version);
  if (values !== undefined) return values;
  const offered = [...new Set([...model.versions, ...model.profiles.keys()])];
  if (!offered.includes(version))
    throw refused(
      'ERR_COMPAT_ARGUMENT',
      VERSION_OPTION,
      `found ${quoted(version)}, ${model.name} offers ${someOf(offered)}`,
    );
  if (overridden)
    throw refused(
      'ERR_COMPAT_ARGUMENT',
      VERSION_OPTION,
      `version ${version} is no profile, so that no parameter can be given beside it`,
    );
  return initialValues(model);
}

function readOption(model: Model, option: string, text: string): Value {
  const name = option.slice(PARAMETER_OPTION.length);
  const parameter = model.parameters.get(name);
  if (parameter === undefined) {
    const known = [...model.parameters.keys()].map((one) => `${PARAMETER_OPTION}${one}`).join(', ');
    throw refused(
      'ERR_COMPAT_ARGUMENT',
      option,
      `${model.name} has no such parameter, but ${known || 'none'}`,
    );
  }
  const value = parseValue(option, parameter.type, text);
  if (contains(parameter.domain, value)) return value;
  const expected = formatDomain(parameter.domain);
  throw refused('ERR_COMPAT_VALUE', option, `found ${quoteValue(value)}, expected ${expected}`);
}

function checkRules(model: Model, values: Assignment): void {
  for (const rule of model.constraints)
    if (holds(rule, (name) => values.get(name)) === 'no')
      throw refused('ERR_COMPAT_ARGUMENT', model.name, `the parameters break the rule ${rule.text}`);
}

function refused(code: CompatErrorCode, option: string, message: string): CompatError {
  return new CompatError(code, short(option, 80), message);
}
