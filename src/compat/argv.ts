/** Command lines at the destination: arrays of arguments, never text for a shell. */
import type { Check } from './check.ts';
import { complete } from './complete.ts';
import { CompatError } from './errors.ts';
import type { Assignment, MigrationInfo } from './model.ts';
import { sortedByName } from './names.ts';
import { formatValue } from './value.ts';

/** What begins an argument that gives a migration parameter. */
export const PARAMETER_OPTION = '--m-';

/** Chooses between several device models of one program. */
export const MODEL_OPTION = '--migration-model';

/** Chooses a version or a profile. */
export const VERSION_OPTION = '--migration-version';

/**
 * The arguments that start a device with `values`: the model and the version first where they are given, then each
 * parameter as `--m-name=value`, sorted by name. Always in the form with `=`, because a value may begin with `-`.
 */
export function argvOf(
  values: Assignment,
  options: { readonly model?: string | undefined; readonly version?: string | undefined } = {},
): string[] {
  const argv: string[] = [];
  if (options.model !== undefined) argv.push(`${MODEL_OPTION}=${options.model}`);
  if (options.version !== undefined) argv.push(`${VERSION_OPTION}=${options.version}`);
  for (const [name, value] of sortedByName(values))
    argv.push(`${PARAMETER_OPTION}${name}=${formatValue(value)}`);
  return argv;
}

/**
 * The arguments that start, at `destination`, the device that was checked: its version where that decided, else every
 * parameter with its value or the destination's off value. The model is named where the program has several, and beside a
 * version (RFC v4). Throws `ERR_COMPAT_ARGUMENT` where the answer was no.
 */
export function commandLine(destination: MigrationInfo, { answer, list, model, version }: Check): string[] {
  if (model === undefined || answer === 'no')
    throw new CompatError(
      'ERR_COMPAT_ARGUMENT',
      list.model,
      'no device can be started there: the answer was no',
    );
  const named = version !== undefined || destination.models.size > 1 ? list.model : undefined;
  const values = version === undefined ? complete(list, model) : new Map();
  return argvOf(values, { model: named, version });
}
