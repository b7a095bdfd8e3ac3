/** What speaks against a move, in words and as data, with what could be done about it. Made only where something does. */
import { complement, contains, domainOf, formatDomain, intersect, nearest, quoteValue } from './domain.ts';
import type { Constraint, MigrationInfo, Model, Parameter } from './model.ts';
import { short, someOf } from './names.ts';
import { type Known, offDiffers, sameType } from './prepared.ts';
import { leastChange, namesIn, type ValueOf } from './rules.ts';
import { compareBytes, EXPECTED, formatValue, type Value } from './value.ts';
import type { Answer, Change, Reason, ReasonCode } from './verdict.ts';

type Where = string | undefined;

/** Condition 1. */
export function modelMissing(model: string, { models }: MigrationInfo, where: Where): Reason {
  const want = someOf([...models.keys()].sort(compareBytes), 'no model');
  return no('model', where, `The destination offers ${want}, not ${model}`, { have: model, want });
}

/** Condition 2, a name that the destination does not know. */
export function parameterUnknown({ name, text = '', source }: Known, where: Where): Reason {
  const off = source?.off;
  const changes =
    source && off !== undefined && contains(source.domain, off) ? [changeTo(name, source, off)] : undefined;
  return no('unknown-parameter', where, `The destination does not know ${name}`, {
    parameter: name,
    have: text,
    changes,
  });
}

/** Conditions 2 to 5 for a parameter of the destination that does not fit, or of which that is not proven. */
export function parameterUnfit(known: Known | undefined, parameter: Parameter, where: Where): Reason[] {
  if (known?.text === undefined) {
    const stays = parameter.off === undefined || !contains(parameter.domain, parameter.off);
    return [
      ...(offDiffers(known, parameter) ? [offValueDiffers(known, parameter, where)] : []),
      ...(stays ? [cannotBeOff(known?.source, parameter, where)] : []),
    ];
  }
  const value = known.values[parameter.type];
  if (value === undefined || !sameType(known, parameter))
    return [typeDiffers(known, known.text, parameter, where)];
  return [
    ...(offDiffers(known, parameter) ? [offValueDiffers(known, parameter, where)] : []),
    ...(contains(parameter.domain, value) ? [] : [valueRefused(known.source, parameter, value, where)]),
    ...(parameter.domain.kind === 'any' && value !== parameter.init && value !== parameter.off
      ? [valueUnproven(parameter, value, where)]
      : []),
  ];
}

function typeDiffers({ source }: Known, have: string, parameter: Parameter, where: Where): Reason {
  const { name, type } = parameter;
  const message =
    source === undefined || source.type === type
      ? `${name} is ${quoteValue(have)}, and the destination expects ${EXPECTED[type]}`
      : `${name} is ${source.type} at the source and ${type} at the destination`;
  return no('type', where, message, { parameter: name, have, want: type });
}

/** Condition 3. */
function valueRefused(
  source: Parameter | undefined,
  parameter: Parameter,
  value: Value,
  where: Where,
): Reason {
  const want = formatDomain(parameter.domain);
  return no(
    'value',
    where,
    `The destination does not take ${pair(parameter.name, value)}; it takes ${want}`,
    {
      parameter: parameter.name,
      have: formatValue(value),
      want,
      changes: nearestFit(source, parameter, value),
    },
  );
}

function valueUnproven({ name, domain }: Parameter, value: Value, where: Where): Reason {
  const want = formatDomain(domain);
  const message = `The destination may take ${pair(name, value)} or not: it gives no allowed values`;
  return unproven('any-value', where, message, { parameter: name, have: formatValue(value), want });
}

/** Condition 4. */
function cannotBeOff(source: Parameter | undefined, parameter: Parameter, where: Where): Reason {
  const { name, domain, off } = parameter;
  const want = formatDomain(domain);
  const how = off === undefined ? 'has no off value' : `does not take its own off value ${quoteValue(off)}`;
  const changes = source?.off === undefined ? undefined : nearestFit(source, parameter, source.off);
  return no('no-off-value', where, `${name} is not in the list, and the destination ${how} for it`, {
    parameter: name,
    want,
    changes,
    remedy: changes ? undefined : `Only a source that has ${name} in effect fits: ${want}`,
  });
}

/** Condition 5. */
export function offValueDiffers(known: Known | undefined, { name, off }: Parameter, where: Where): Reason {
  const [have, want] = [known?.source?.off, off].map((value) =>
    value === undefined ? '' : formatValue(value),
  );
  return no(
    'off-value-differs',
    where,
    `${name} is off by ${have} at the source and by ${want} at the destination`,
    {
      parameter: name,
      have,
      want,
      remedy: 'One of the two documents is wrong: the off value of a parameter never changes',
    },
  );
}

/** Condition 6; with a remedy only where `mends`, because looking for one takes time. */
export function constraintBroken(
  rule: Constraint,
  model: Model,
  known: ReadonlyMap<string, Known>,
  valueFor: ValueOf,
  mends: boolean,
  where: Where,
): Reason {
  const named = namesIn(rule).flatMap((name) => {
    const value = valueFor(name);
    return value === undefined ? [] : [pair(name, value)];
  });
  const sourceOf = (name: string): Parameter | undefined => known.get(name)?.source;
  const values = mends
    ? leastChange(rule, model, valueFor, {
        takes: ({ name }, value) => contains(sourceOf(name)?.domain ?? domainOf(value), value),
        prefers: (name) => sourceOf(name)?.live === 'state',
      })
    : undefined;
  const changes = values && [...values].map(([name, value]) => changeTo(name, sourceOf(name), value));
  const have = someOf(named);
  return no(
    'constraint',
    where,
    `With ${have} a rule of the destination is broken: ${short(rule.text, RULE)}`,
    {
      parameter: changes?.[0]?.parameter,
      have,
      want: rule.text,
      changes,
    },
  );
}

/** Characters of a rule in a sentence. */
const RULE = 200;

export function constraintBeyond(rule: Constraint, where: Where): Reason {
  const message = `The destination has a rule that goes beyond what can be evaluated: ${short(rule.text, RULE)}`;
  return unproven('constraint-beyond', where, message, { want: rule.text });
}

/** Both have the version, and not the same meaning of it. */
export function profileDiffers(
  version: string,
  parameter: string,
  have: string | undefined,
  there: Value | undefined,
  where: Where,
): Reason {
  const want = there === undefined ? undefined : formatValue(there);
  const message = `Version ${version} means ${parameter}=${have ?? '(off)'} at the source and ${parameter}=${want ?? '(unknown)'} at the destination`;
  const remedy = `One of the two documents is wrong: what a version means never changes`;
  return no('profile-differs', where, message, { parameter, have, want, remedy });
}

/** No version in common, and no parameters to compare. */
export function versionMissing(version: string | undefined, model: Model, where: Where): Reason {
  const want = someOf(new Set([...model.versions, ...model.profiles.keys()]), 'no version');
  const message =
    version === undefined
      ? `The list names no version, and the destination tells its devices apart by versions: ${want}`
      : `The destination offers ${want}, not version ${version}`;
  return no('version', where, message, { have: version, want });
}

type Details = {
  readonly [K in 'parameter' | 'have' | 'want' | 'remedy' | 'changes']?: Reason[K] | undefined;
};

function no(code: ReasonCode, where: Where, message: string, details: Details): Reason {
  return reason(code, 'no', where, message, details);
}

function unproven(code: ReasonCode, where: Where, message: string, details: Details): Reason {
  const remedy = 'Run the destination with these arguments and --check, which says without creating a device';
  return reason(code, 'unproven', where, message, { ...details, remedy });
}

function reason(code: ReasonCode, answer: Answer, where: Where, message: string, details: Details): Reason {
  const { parameter, have, want, changes } = details;
  const remedy = details.remedy ?? (changes && describeChanges(changes));
  return {
    code,
    answer,
    ...(parameter === undefined ? {} : { parameter }),
    ...(have === undefined ? {} : { have }),
    ...(want === undefined ? {} : { want }),
    ...(where === undefined ? {} : { where }),
    message,
    ...(remedy === undefined ? {} : { remedy }),
    ...(changes === undefined ? {} : { changes }),
  };
}

function describeChanges(changes: readonly Change[]): string {
  if (changes.every(({ live }) => live))
    return `Switch ${changes.map(({ parameter, value }) => `${parameter} to ${quoteValue(value)}`).join(' and ')} on the running source`;
  return `Start the source with ${changes.map(({ parameter, value }) => pair(parameter, value)).join(' and ')}`;
}

/** The value nearest to `value` that the destination takes, and the source too where its document is known. */
function nearestFit(
  source: Parameter | undefined,
  parameter: Parameter,
  value: Value,
): readonly Change[] | undefined {
  const common = source === undefined ? parameter.domain : intersect(parameter.domain, source.domain);
  const inEffect = source?.off === undefined ? common : intersect(common, complement(domainOf(source.off)));
  const near =
    nearest(inEffect, value) ??
    [parameter.init, source?.off].find((one) => one !== undefined && contains(common, one));
  return near === undefined || near === value ? undefined : [changeTo(parameter.name, source, near)];
}

function changeTo(parameter: string, source: Parameter | undefined, value: Value): Change {
  return { parameter, value: formatValue(value), live: source?.live === 'state' };
}

function pair(name: string, value: Value): string {
  return `${name}=${quoteValue(value)}`;
}
