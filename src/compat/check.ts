/** The verdict on one list and one destination, without anything being started. */
import { contains } from './domain.ts';
import type { MigrationList } from './list.ts';
import type { MigrationInfo, Model, Parameter } from './model.ts';
import { type Known, offDiffers, type Prepared, prepare, sameType, switched, valueAt } from './prepared.ts';
import {
  constraintBeyond,
  constraintBroken,
  modelMissing,
  offValueDiffers,
  parameterUnfit,
  parameterUnknown,
  profileDiffers,
  versionMissing,
} from './reasons.ts';
import { holds, type ValueOf } from './rules.ts';
import { compareBytes, type Value } from './value.ts';
import { type Answer, answerOf, type Change, type Reason } from './verdict.ts';

/** Whether a device with a list can move to a destination. */
export interface Check {
  readonly answer: Answer;
  /** All of them, not only the first: what says no comes first, then by parameter. */
  readonly reasons: readonly Reason[];
  /** The list that was checked, with the parameters that its version has at the source where it named none. */
  readonly list: MigrationList;
  /** The model at the destination; undefined where it does not have it. */
  readonly model: Model | undefined;
  /** The version or profile that both have and that decided it; undefined where the parameters did. */
  readonly version: string | undefined;
  /** What the running source would have to be switched to (`x-live`) so that the answer is no longer no. */
  readonly wayOut?: readonly Change[];
}

/** What a check may know besides the list. */
export interface CheckOptions {
  /** The source's own document of the model: types and off values are compared, and ways out are known. */
  readonly source?: Model | undefined;
  /** What the destination is called in reasons. */
  readonly where?: string | undefined;
}

/**
 * Whether a device with `list` can move to `destination`. A version that both sides have decides at once, unless its
 * profiles differ; else the parameters do, by these conditions (RFC v3, completed):
 *
 * 1. The destination has the device model.
 * 2. It knows every parameter in the list, with the same type.
 * 3. It takes every value in the list. Where it does not say what it takes, its own initial and off values are certain,
 *    and all others are unproven.
 * 4. It can switch off every parameter that is not in the list.
 * 5. Both switch a parameter off by the same value.
 * 6. Its rules hold for all values together.
 *
 * Condition 7, the digest (`listDigest`), is for the moment of loading. Throws `ERR_COMPAT_MODEL` where `options.source`
 * is another model than the list's.
 */
export function check(list: MigrationList, destination: MigrationInfo, options: CheckOptions = {}): Check {
  return prepareCheck(list, options)(destination, options.where);
}

/**
 * `check` for one list and many destinations: what the list says is read once. A parameter that fits costs one look-up
 * and no memory. Throws `ERR_COMPAT_MODEL` where `source` is another model.
 */
export function prepareCheck(
  list: MigrationList,
  { source }: Pick<CheckOptions, 'source'> = {},
): (destination: MigrationInfo, where?: string) => Check {
  const prepared = prepare(list, source);
  return (destination, where) => {
    const model = destination.models.get(list.model);
    if (model === undefined)
      return verdict(prepared, undefined, [modelMissing(list.model, destination, where)]);
    const found = checkModel(prepared, model, where);
    const changes = found.answer === 'no' ? wayOut(found.reasons) : undefined;
    if (changes === undefined) return found;
    const after = checkModel(switched(prepared, changes), model, where);
    return after.answer === 'no' ? found : { ...found, wayOut: changes };
  };
}

function checkModel(prepared: Prepared, model: Model, where: string | undefined): Check {
  const { version, byParameters } = prepared;
  if (version !== undefined && (model.versions.includes(version) || model.profiles.has(version)))
    return verdict(prepared, model, checkVersion(prepared, model, version, where), version);
  const byVersionAlone = model.parameters.size === 0 && model.versions.length > 0;
  const reasons = byParameters ? checkParameters(prepared, model, where) : [];
  if (!byParameters || byVersionAlone) reasons.push(versionMissing(version, model, where));
  return verdict(prepared, model, reasons);
}

/** The version is the same: what speaks against it is another meaning of it, or of absence, where both sides say theirs. */
function checkVersion(
  { known, byParameters, source }: Prepared,
  model: Model,
  version: string,
  where: string | undefined,
): Reason[] {
  const profile = byParameters ? model.profiles.get(version) : undefined;
  if (profile === undefined && source === undefined) return [];
  const reasons: Reason[] = [];
  for (const parameter of model.parameters.values()) {
    const entry = known.get(parameter.name);
    if (offDiffers(entry, parameter)) reasons.push(offValueDiffers(entry, parameter, where));
    if (profile === undefined) continue;
    const there = profile.get(parameter.name) ?? parameter.off ?? parameter.init;
    if (valueAt(entry, parameter) !== there)
      reasons.push(profileDiffers(version, parameter.name, entry?.text, there, where));
  }
  if (profile === undefined) return reasons;
  for (const { name, text } of known.values())
    if (text !== undefined && !model.parameters.has(name))
      reasons.push(profileDiffers(version, name, text, undefined, where));
  return reasons;
}

/** Conditions 2 to 6. */
function checkParameters({ listed, known }: Prepared, model: Model, where: string | undefined): Reason[] {
  const reasons: Reason[] = [];
  let met = 0;
  for (const parameter of model.parameters.values()) {
    const entry = known.get(parameter.name);
    if (entry?.text !== undefined) met++;
    if (!fits(entry, parameter)) reasons.push(...parameterUnfit(entry, parameter, where));
  }
  if (met < listed)
    for (const entry of known.values())
      if (entry.text !== undefined && !model.parameters.has(entry.name))
        reasons.push(parameterUnknown(entry, where));
  if (model.constraints.length > 0) checkConstraints(known, model, reasons, where);
  return reasons;
}

/** Conditions 2 to 5 for one parameter, proven. */
function fits(known: Known | undefined, parameter: Parameter): boolean {
  if (known === undefined) return canBeOff(parameter);
  if (offDiffers(known, parameter)) return false;
  if (known.text === undefined) return canBeOff(parameter);
  const value = known.values[parameter.type];
  return value !== undefined && sameType(known, parameter) && takes(parameter, value);
}

function canBeOff({ off, domain }: Parameter): boolean {
  return off !== undefined && contains(domain, off);
}

/** Whether it is certain that `parameter` can be `value`: what a new device has, and what switches it off, always are. */
function takes({ domain, init, off }: Parameter, value: Value): boolean {
  return domain.kind === 'any' ? value === init || value === off : contains(domain, value);
}

/** How many broken rules get a remedy. */
const MENDED = 4;

/** Condition 6. What a rule says of a parameter that has no value here is left to the reason which that one has. */
function checkConstraints(
  known: ReadonlyMap<string, Known>,
  model: Model,
  reasons: Reason[],
  where: string | undefined,
): void {
  const valueFor: ValueOf = (name) => {
    const parameter = model.parameters.get(name);
    return parameter && valueAt(known.get(name), parameter);
  };
  let broken = 0;
  for (const rule of model.constraints) {
    const answer = holds(rule, valueFor);
    if (answer === 'no')
      reasons.push(constraintBroken(rule, model, known, valueFor, broken++ < MENDED, where));
    if (answer === 'unproven' && answerOf(reasons) !== 'no') reasons.push(constraintBeyond(rule, where));
  }
}

function verdict(prepared: Prepared, model: Model | undefined, reasons: Reason[], version?: string): Check {
  const answer = answerOf(reasons);
  if (reasons.length > 1) reasons.sort(compareReasons);
  return { answer, reasons, list: prepared.list, model, version: answer === 'no' ? undefined : version };
}

/** What says no first, then by parameter: the same order whatever order a document has. */
function compareReasons(a: Reason, b: Reason): number {
  if (a.answer !== b.answer) return a.answer === 'no' ? -1 : 1;
  return compareBytes(a.parameter ?? '', b.parameter ?? '') || compareBytes(a.message, b.message);
}

/** The switches on a running source that lift every reason that says no; undefined where one of them cannot be lifted so. */
function wayOut(reasons: readonly Reason[]): readonly Change[] | undefined {
  const switches = new Map<string, Change>();
  for (const { answer, changes } of reasons) {
    if (answer !== 'no') continue;
    if (!changes?.every(({ live }) => live)) return undefined;
    for (const change of changes) switches.set(change.parameter, change);
  }
  return [...switches.values()];
}
