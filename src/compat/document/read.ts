import { CompatError } from '../errors.ts';
import type { MigrationInfo } from '../model.ts';
import { Findings, type LintFinding } from './findings.ts';
import { decodeInfo } from './model.ts';
import { readJson } from './text.ts';

/** What a document says, and what is to be said about it. */
export interface ReadInfo {
  /** Undefined when there is an error among the findings. */
  readonly info: MigrationInfo | undefined;
  /** In the order of the text; at most `MAX_FINDINGS` errors and as many warnings. */
  readonly findings: readonly LintFinding[];
}

/**
 * Read the text of a migration info document (RFC v3 `params`, v4 `versions`, `profiles`, and the `x-` members that are
 * known). Never throws for what stands in it: everything that is wrong is a finding with its place.
 */
export function readInfo(text: string): ReadInfo {
  const findings = new Findings();
  const json = readJson(text, findings);
  const info = json === undefined ? undefined : decodeInfo(json, findings);
  return { info: findings.errors > 0 ? undefined : info, findings: findings.in(text) };
}

/**
 * What the document `text` says. Throws `ERR_COMPAT_DOCUMENT` naming place, line and column of the first error, and
 * `where` it is from.
 */
export function parseInfo(text: string, where = 'migration info'): MigrationInfo {
  const { info, findings } = readInfo(text);
  if (info !== undefined) return info;
  const errors = findings.filter(({ level }) => level === 'error');
  const { place, line, column, message } = errors[0]!;
  const more = errors.length === 1 ? '' : ` (the first of ${errors.length} errors)`;
  throw new CompatError(
    'ERR_COMPAT_DOCUMENT',
    `${where}:${line}:${column}`,
    `${place === '' ? '' : `${place}: `}${message}${more}`,
  );
}
