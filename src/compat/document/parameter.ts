/** One parameter of a document. */
import type { z } from 'zod';
import { contains, type Domain, formatDomain, quoteValue } from '../domain.ts';
import { MAX_DESCRIPTION } from '../limits.ts';
import type { Parameter } from '../model.ts';
import type { ParameterType, Value } from '../value.ts';
import { type Findings, show } from './findings.ts';
import { warnOfUnknown } from './members.ts';
import type { Path } from './places.ts';
import { isObject, type ParameterDocument, ParameterShape } from './schema.ts';
import { decodeDomain, decodeValue } from './values.ts';

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
  const parsed = ParameterShape.safeParse(raw);
  if (!parsed.success) {
    for (const issue of parsed.error.issues) report(issue, raw, path, findings);
    return undefined;
  }
  const { data } = parsed;
  const { type, allowed_values: allowed, description } = data;
  warnOfUnknown(data, MEMBERS, path, findings);
  const init = decodeValue(type, data.init_value, [...path, 'init_value'], findings);
  const off =
    data.off_value === undefined
      ? undefined
      : decodeValue(type, data.off_value, [...path, 'off_value'], findings);
  if (init === undefined) return undefined;
  const domain =
    allowed === undefined
      ? openDomain(type, init, off)
      : decodeDomain(type, allowed, [...path, 'allowed_values'], findings);
  requireInside(domain, init, [...path, 'init_value'], findings);
  if (off !== undefined) requireInside(domain, off, [...path, 'off_value'], findings);
  if (allowed !== undefined && off !== undefined && domain.kind === 'bool' && domain.on !== domain.off)
    findings.warn(
      'always-off',
      [...path, 'off_value'],
      `Found off_value, where ${show(domain.on)} is all that is allowed`,
    );
  checkDescription(description, path, findings);
  if (type === 'str' && data['x-prefer'] !== undefined)
    findings.warn(
      'no-order',
      [...path, 'x-prefer'],
      `Found ${show(data['x-prefer'])}, where texts have no order`,
    );
  return {
    name,
    type,
    init,
    off,
    domain,
    description,
    ...decodeSince(type, data['x-since'], [...path, 'x-since'], findings),
    prefer: data['x-prefer'],
    live: data['x-live'],
  };
}

/** What is allowed where the document does not say it. Of a bool it is what is known to be given: P. Bonzini's rule. */
function openDomain(type: ParameterType, init: Value, off: Value | undefined): Domain {
  if (type !== 'bool') return { kind: 'any', type };
  return { kind: 'bool', on: off !== undefined || init === true, off: off !== undefined || init === false };
}

/** Adds a finding unless `value` lies in `domain`. */
export function requireInside(domain: Domain, value: Value, path: Path, findings: Findings): boolean {
  if (contains(domain, value)) return true;
  const message = `Found ${quoteValue(value)}, expected one of the allowed values: ${formatDomain(domain)}`;
  findings.error('outside-domain', path, message);
  return false;
}

function checkDescription(text: string | undefined, path: Path, findings: Findings): void {
  if (text === undefined) return;
  const at = [...path, 'description'];
  if (!text.isWellFormed()) findings.error('wrong-form', at, 'Found half of a surrogate pair, expected text');
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_DESCRIPTION)
    findings.error('too-long', at, `Found ${bytes} bytes, expected at most ${MAX_DESCRIPTION}`);
}

function decodeSince(
  type: ParameterType,
  raw: ParameterDocument['x-since'],
  path: Path,
  findings: Findings,
): Pick<Parameter, 'since' | 'valuesSince'> {
  if (typeof raw !== 'object') return { since: raw, valuesSince: [] };
  const valuesSince = raw.values.map(({ allowed_values: allowed, since }, i) => {
    return { values: decodeDomain(type, allowed, [...path, 'values', i, 'allowed_values'], findings), since };
  });
  return { since: raw.since, valuesSince };
}

function report(issue: z.core.$ZodIssue, raw: unknown, path: Path, findings: Findings): void {
  const keys = issue.path.filter((key) => typeof key !== 'symbol');
  let [value, parent]: [unknown, unknown] = [raw, undefined];
  for (const key of keys) {
    parent = value;
    if (Array.isArray(value)) value = value[Number(key)];
    else value = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  }
  // Only a member that is not there has no value, and no place
  if (value === undefined && parent !== undefined)
    findings.error(
      'missing',
      [...path, ...keys.slice(0, -1)],
      `Found no ${keys.at(-1)}, expected ${issue.message}`,
    );
  else {
    const code = issue.code === 'too_big' && issue.origin === 'array' ? 'too-many' : 'wrong-form';
    findings.error(
      issue.code === 'too_small' && issue.origin === 'array' ? 'empty' : code,
      [...path, ...keys],
      `Found ${show(value)}, expected ${issue.message}`,
    );
  }
}
