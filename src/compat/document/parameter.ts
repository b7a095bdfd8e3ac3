/** One parameter of a document. */
import { contains, type Domain, formatDomain, quoteValue } from '../domain.ts';
import { MAX_ALLOWED_VALUES, MAX_DESCRIPTION } from '../limits.ts';
import type { Parameter } from '../model.ts';
import { PARAMETER_TYPES, type ParameterType, type Value } from '../value.ts';
import { type Findings, show } from './findings.ts';
import { entriesOf, given, isObject, requireMembers, warnOfUnknown } from './members.ts';
import type { Path } from './places.ts';
import { decodeDomain, decodeValue, isWhole } from './values.ts';

const MEMBERS: ReadonlySet<string> = new Set([
  'type',
  'init_value',
  'off_value',
  'allowed_values',
  'description',
]);

/** What `raw` says about the parameter `name`; undefined, with findings, where that is not clear. */
export function decodeParameter(
  name: string,
  raw: unknown,
  path: Path,
  findings: Findings,
): Parameter | undefined {
  if (!isObject(raw)) {
    findings.error('wrong-form', path, `Found ${show(raw)}, expected an object with type and init_value`);
    return undefined;
  }
  const before = findings.errors;
  warnOfUnknown(raw, MEMBERS, path, findings);
  requireMembers(raw, ['type', 'init_value'], path, findings);
  const type = given(raw, 'type', path, (one, at) => oneOf(PARAMETER_TYPES, one, at, findings));
  const description = given(raw, 'description', path, (one, at) => decodeDescription(one, at, findings));
  const prefer = given(raw, 'x-prefer', path, (one, at) => oneOf(['max', 'min'], one, at, findings));
  const live = given(raw, 'x-live', path, (one, at) => oneOf(['state'], one, at, findings));
  if (type === undefined) return undefined;
  const init = given(raw, 'init_value', path, (one, at) => decodeValue(type, one, at, findings));
  const off = given(raw, 'off_value', path, (one, at) => decodeValue(type, one, at, findings));
  const allowed = given(raw, 'allowed_values', path, (one, at) => decodeAllowed(type, one, at, findings));
  const since = given(raw, 'x-since', path, (one, at) => decodeSince(type, one, at, findings));
  if (init === undefined || findings.errors > before) return undefined;
  const domain = allowed ?? openDomain(type, init, off);
  requireInside(domain, init, [...path, 'init_value'], findings);
  if (off !== undefined) requireInside(domain, off, [...path, 'off_value'], findings);
  if (off !== undefined && domain.kind === 'bool' && domain.on !== domain.off)
    findings.warn(
      'always-off',
      [...path, 'off_value'],
      `Found off_value, where ${domain.on} is all that is allowed`,
    );
  if (type === 'str' && prefer !== undefined)
    findings.warn('no-order', [...path, 'x-prefer'], `Found ${show(prefer)}, where texts have no order`);
  return {
    name,
    type,
    init,
    off,
    domain,
    description,
    since: since?.since,
    valuesSince: since?.valuesSince ?? [],
    prefer,
    live,
  };
}

function oneOf<const T extends string>(
  words: readonly T[],
  raw: unknown,
  path: Path,
  findings: Findings,
): T | undefined {
  const found = words.find((word) => word === raw);
  if (found === undefined)
    findings.error(
      'wrong-form',
      path,
      `Found ${show(raw)}, expected ${words.length > 1 ? 'one of ' : ''}${words.map(show).join(', ')}`,
    );
  return found;
}

/** What is allowed where the document does not say it. Of a bool it is what is known to be given: P. Bonzini's rule. */
function openDomain(type: ParameterType, init: Value, off: Value | undefined): Domain {
  if (type !== 'bool') return { kind: 'any', type };
  return { kind: 'bool', on: off !== undefined || init === true, off: off !== undefined || init === false };
}

function decodeAllowed(type: ParameterType, raw: unknown, path: Path, findings: Findings): Domain {
  const count = Array.isArray(raw) ? raw.length : undefined;
  if (Array.isArray(raw) && raw.length > 0 && raw.length <= MAX_ALLOWED_VALUES)
    return decodeDomain(type, raw, path, findings);
  const code = count === undefined ? 'wrong-form' : count === 0 ? 'empty' : 'too-many';
  const found = count === undefined || count === 0 ? show(raw) : `${count} values`;
  findings.error(code, path, `Found ${found}, expected a list of 1 to ${MAX_ALLOWED_VALUES} values`);
  return decodeDomain(type, [], path, findings);
}

/** Adds a finding unless `value` lies in `domain`. */
export function requireInside(domain: Domain, value: Value, path: Path, findings: Findings): boolean {
  if (contains(domain, value)) return true;
  const message = `Found ${quoteValue(value)}, expected one of the allowed values: ${formatDomain(domain)}`;
  findings.error('outside-domain', path, message);
  return false;
}

function decodeDescription(raw: unknown, path: Path, findings: Findings): string | undefined {
  if (typeof raw !== 'string' || !raw.isWellFormed()) {
    findings.error('wrong-form', path, `Found ${show(raw)}, expected well-formed text`);
    return undefined;
  }
  const bytes = Buffer.byteLength(raw);
  if (bytes > MAX_DESCRIPTION)
    findings.error('too-long', path, `Found ${bytes} bytes, expected at most ${MAX_DESCRIPTION}`);
  return raw;
}

/** `x-since`: a revision, or one and those of values that came later. */
function decodeSince(
  type: ParameterType,
  raw: unknown,
  path: Path,
  findings: Findings,
): Pick<Parameter, 'since' | 'valuesSince'> {
  if (!isObject(raw)) return { since: decodeRevision(raw, path, findings), valuesSince: [] };
  requireMembers(raw, ['since', 'values'], path, findings);
  const since = given(raw, 'since', path, (one, at) => decodeRevision(one, at, findings));
  const later =
    given(raw, 'values', path, (one, at) => entriesOf(one, MAX_ALLOWED_VALUES, at, findings)) ?? [];
  const valuesSince = later.flatMap((one, i) => decodeLater(type, one, [...path, 'values', i], findings));
  return { since, valuesSince };
}

function decodeLater(
  type: ParameterType,
  raw: unknown,
  path: Path,
  findings: Findings,
): Parameter['valuesSince'] {
  if (!isObject(raw)) {
    findings.error(
      'wrong-form',
      path,
      `Found ${show(raw)}, expected an object with allowed_values and since`,
    );
    return [];
  }
  requireMembers(raw, ['allowed_values', 'since'], path, findings);
  const since = given(raw, 'since', path, (one, at) => decodeRevision(one, at, findings));
  const values = given(raw, 'allowed_values', path, (one, at) => decodeAllowed(type, one, at, findings));
  return since === undefined || values === undefined ? [] : [{ values, since }];
}

function decodeRevision(raw: unknown, path: Path, findings: Findings): number | undefined {
  if (typeof raw === 'number' && isWhole(raw)) return raw;
  findings.error('wrong-form', path, `Found ${show(raw)}, expected a revision: a whole number from 0 on`);
  return undefined;
}
