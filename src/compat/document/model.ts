/** One device model of a document. */
import { formatDomain } from '../domain.ts';
import { MAX_MODELS, MAX_PARAMETERS, MAX_PROFILES, MAX_VERSIONS } from '../limits.ts';
import type { Assignment, MigrationInfo, Model, Parameter } from '../model.ts';
import { isModelName, isParameterName, isVersionName, sortedByName } from '../names.ts';
import { holds, type ValueOf } from '../rules.ts';
import type { Value } from '../value.ts';
import { type Findings, show } from './findings.ts';
import { entriesOf, isObject, membersOf, warnOfUnknown } from './members.ts';
import { decodeParameter, requireInside } from './parameter.ts';
import type { Path } from './places.ts';
import { decodeRules, type Known } from './rules.ts';
import { decodeValue } from './values.ts';

const TOP: ReadonlySet<string> = new Set(['models']);
const MEMBERS: ReadonlySet<string> = new Set(['params', 'versions', 'profiles']);

/** What a document says; of use when there is no error among `findings`. */
export function decodeInfo(raw: unknown, findings: Findings): MigrationInfo {
  if (!isObject(raw)) {
    findings.error('wrong-form', [], `Found ${show(raw)}, expected an object with models`);
    return { models: new Map() };
  }
  warnOfUnknown(raw, TOP, [], findings);
  if (!Object.hasOwn(raw, 'models'))
    findings.error('missing', [], 'Found no models, expected an object of them');
  const models = Object.hasOwn(raw, 'models') ? membersOf(raw.models, MAX_MODELS, ['models'], findings) : [];
  return {
    models: sortedByName(
      models.map(([name, one]) => [name, decodeModel(name, one, ['models', name], findings)]),
    ),
  };
}

function decodeModel(name: string, raw: unknown, path: Path, findings: Findings): Model {
  if (!isModelName(name)) {
    const message = `Found ${show(name)}, expected a domain name and a path, such as a.com/nic`;
    findings.error('bad-name', path, message, 'name');
  } else if (!/^[^/]*\.[^/]/.test(name)) {
    findings.warn(
      'no-domain',
      path,
      `Found ${show(name)}, which does not begin with a domain name that someone can own`,
      'name',
    );
  }
  const members = isObject(raw) ? raw : {};
  if (!isObject(raw))
    findings.error('wrong-form', path, `Found ${show(raw)}, expected an object with params or versions`);
  else if (!Object.hasOwn(raw, 'params') && !Object.hasOwn(raw, 'versions'))
    findings.error('missing', path, 'Found neither params nor versions, expected at least one of them');
  warnOfUnknown(members, MEMBERS, path, findings);
  const known = decodeParameters(members.params, [...path, 'params'], findings);
  const parameters = new Map([...known].flatMap(([key, one]) => (one === undefined ? [] : [[key, one]])));
  const versions = decodeVersions(members.versions, [...path, 'versions'], findings);
  const profiles = decodeProfiles(members.profiles, known, [...path, 'profiles'], findings);
  const rules = members['x-constraints'];
  const constraints =
    rules === undefined ? [] : decodeRules(rules, known, [...path, 'x-constraints'], findings);
  const model: Model = {
    name,
    parameters,
    versions: [...new Set([...versions, ...profiles.keys()])],
    profiles: inOrder(profiles, versions),
    constraints,
  };
  if (constraints.length > 0 && parameters.size === known.size) checkRules(model, path, findings);
  return model;
}

function decodeParameters(raw: unknown, path: Path, findings: Findings): Known {
  if (raw === undefined) return new Map();
  const known = membersOf(raw, MAX_PARAMETERS, path, findings).map(([name, one]) => {
    const at = [...path, name];
    if (!isParameterName(name)) {
      const message = `Found ${show(name)}, expected a name without =, / and white space, and neither . nor ..`;
      findings.error('bad-name', at, message, 'name');
    }
    return [name, decodeParameter(name, one, at, findings)] as const;
  });
  return sortedByName(known);
}

function decodeVersions(raw: unknown, path: Path, findings: Findings): string[] {
  if (raw === undefined) return [];
  const versions = new Set<string>();
  for (const [i, version] of entriesOf(raw, MAX_VERSIONS, path, findings).entries()) {
    if (typeof version !== 'string' || !isVersionName(version))
      findings.error(
        typeof version === 'string' ? 'bad-name' : 'wrong-form',
        [...path, i],
        `Found ${show(version)}, expected ASCII text in one line`,
      );
    else if (versions.has(version))
      findings.error('duplicate-version', [...path, i], `Found ${show(version)} again`);
    else versions.add(version);
  }
  return [...versions];
}

function decodeProfiles(raw: unknown, known: Known, path: Path, findings: Findings): Map<string, Assignment> {
  if (raw === undefined) return new Map();
  const profiles = membersOf(raw, MAX_PROFILES, path, findings).map(([name, values]) => {
    if (!isVersionName(name))
      findings.error(
        'bad-name',
        [...path, name],
        `Found ${show(name)}, expected ASCII text in one line`,
        'name',
      );
    return [name, decodeProfile(values, known, [...path, name], findings)] as const;
  });
  return new Map(profiles);
}

function decodeProfile(raw: unknown, known: Known, path: Path, findings: Findings): Assignment {
  const values = new Map<string, Value>();
  const members = membersOf(raw, MAX_PARAMETERS, path, findings);
  for (const [name, given] of members) {
    const at = [...path, name];
    const parameter = known.get(name);
    if (!known.has(name))
      findings.error(
        'unknown-parameter',
        at,
        `Found ${show(name)}, expected a parameter of the model`,
        'name',
      );
    const value = parameter && decodeValue(parameter.type, given, at, findings);
    if (value === undefined) continue;
    requireInside(parameter!.domain, value, at, findings);
    values.set(name, value);
  }
  const named = new Set(members.map(([name]) => name));
  for (const [name, parameter] of known)
    if (isObject(raw) && parameter !== undefined && parameter.off === undefined && !named.has(name)) {
      const message = `Found no ${show(name)}, which cannot be switched off and is one of ${formatDomain(parameter.domain)}`;
      findings.error('profile-incomplete', path, message);
    }
  return sortedByName(values);
}

/** Profiles in the order of `versions`, which JSON keeps for any name; those that are not among them after the others. */
function inOrder(
  profiles: ReadonlyMap<string, Assignment>,
  versions: readonly string[],
): Map<string, Assignment> {
  const names = [...versions.filter((name) => profiles.has(name)), ...profiles.keys()];
  return new Map(names.map((name) => [name, profiles.get(name)!]));
}

/** A profile has to keep the rules. A program whose init values do not keep them can be started only with others. */
function checkRules({ parameters, profiles, constraints }: Model, path: Path, findings: Findings): void {
  const broken = (value: (parameter: Parameter) => Value): string | undefined => {
    const valueFor: ValueOf = (name) => (parameters.has(name) ? value(parameters.get(name)!) : undefined);
    return constraints.find((rule) => holds(rule, valueFor) === 'no')?.text;
  };
  const rule = broken(({ init }) => init);
  if (rule !== undefined)
    findings.warn(
      'init-breaks-rule',
      [...path, 'x-constraints'],
      `Found init values that break the rule ${show(rule)}`,
    );
  for (const [name, values] of profiles) {
    const text = broken((parameter) => values.get(parameter.name) ?? parameter.off ?? parameter.init);
    if (text !== undefined)
      findings.error(
        'rule-broken',
        [...path, 'profiles', name],
        `Found values that break the rule ${show(text)}`,
      );
  }
}
