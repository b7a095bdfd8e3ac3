import { type Check, type CheckOptions, check } from './check.ts';
import { formatDomain } from './domain.ts';
import type { MigrationList } from './list.ts';
import type { MigrationInfo } from './model.ts';
import { compareBytes, formatValue, readValue, type Value } from './value.ts';
import { type Answer, answerOf, type Reason } from './verdict.ts';

/** What became of one parameter in a check, all as text for people. */
export interface Explained {
  readonly parameter: string;
  /** What the list has; undefined where it is not in the list. */
  readonly have: string | undefined;
  /** What the destination takes; this and the next two are undefined where it does not know the parameter. */
  readonly allowed: string | undefined;
  readonly init: string | undefined;
  /** Undefined also where it cannot be switched off. */
  readonly off: string | undefined;
  /** What the destination would be given; undefined where nothing can be, or its version says it. */
  readonly given: string | undefined;
  readonly answer: Answer;
  /** Why, in one sentence. */
  readonly note: string;
  readonly reasons: readonly Reason[];
}

/**
 * What `check` says of each parameter of the list and of the destination, a row each, sorted by name. Reasons about the
 * whole device are in the check alone.
 */
export function explainCheck(
  list: MigrationList,
  destination: MigrationInfo,
  options: CheckOptions = {},
): readonly Explained[] {
  const found = check(list, destination, options);
  const names = new Set([...found.list.parameters.keys(), ...(found.model?.parameters.keys() ?? [])]);
  return [...names].sort(compareBytes).map((name) => explainParameter(name, found));
}

function explainParameter(name: string, { list, model, version, reasons }: Check): Explained {
  const own = reasons.filter(({ parameter }) => parameter === name);
  const parameter = model?.parameters.get(name);
  const have = list.parameters.get(name);
  const answer = model === undefined ? 'no' : answerOf(own);
  const value = parameter && (have === undefined ? parameter.off : readValue(parameter.type, have));
  return {
    parameter: name,
    have,
    allowed: parameter && formatDomain(parameter.domain),
    init: parameter && formatValue(parameter.init),
    off: parameter?.off === undefined ? undefined : formatValue(parameter.off),
    given: answer === 'no' || version !== undefined || value === undefined ? undefined : formatValue(value),
    answer,
    note:
      own.length > 0
        ? own.map(({ message }) => message).join('; ')
        : noteOf(have, value, version, model?.name),
    reasons: own,
  };
}

function noteOf(
  have: string | undefined,
  value: Value | undefined,
  version: string | undefined,
  model: string | undefined,
): string {
  if (model === undefined) return 'The destination does not have the device model';
  if (version !== undefined) return `Version ${version} says it`;
  if (have !== undefined) return 'The destination takes it';
  return value === undefined ? 'Not compared' : 'Not in the list: switched off at the destination';
}
