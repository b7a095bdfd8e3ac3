import {
  type Assignment,
  type LintFinding,
  type MigrationInfo,
  type MigrationList,
  type Model,
  readInfo,
} from '../compat/index.ts';
import { DocumentError } from './errors.ts';

/** What kind of place a document comes from, and which one. */
export type Origin =
  /** The program and its own arguments. */
  | { readonly kind: 'program'; readonly argv: readonly [string, ...string[]] }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'stdin' }
  /** The folder of a type below `mdev_supported_types`, and that of a device where it was one that was asked for. */
  | { readonly kind: 'sysfs'; readonly type: string; readonly device?: string }
  /** The control socket of a running device. */
  | { readonly kind: 'control'; readonly path: string };

/** What a device that exists has now. */
export interface InEffect {
  readonly list: MigrationList;
  /** The list's model, as the document has it. */
  readonly model: Model | undefined;
  /** Every parameter, those with their off value as well; undefined where only the list is known. */
  readonly values?: Assignment;
  /** Of the list, as the device says it. */
  readonly digest?: string;
  /** Whether no parameter can be changed for now. */
  readonly frozen?: boolean;
}

/** The text of a document, not read yet. */
export interface Found {
  /** For people: what it was found in. */
  readonly where: string;
  readonly from: Origin;
  readonly text: string;
  /** Whether it came out of a cache, where there was one to ask. */
  readonly cached?: boolean;
  /** The text that was read last from the same place was another one: what was planned by it has to be planned anew. */
  readonly changed?: boolean;
  /** For a device that exists: what it has now, in the terms of its document. */
  readonly inEffect?: (info: MigrationInfo) => InEffect;
}

/** A document that was found and read, and what is in effect where it is that of a device. */
export interface Discovered extends Omit<Found, 'inEffect'>, Partial<InEffect> {
  readonly info: MigrationInfo;
  /** Warnings: a document with errors is none. */
  readonly findings: readonly LintFinding[];
}

/**
 * Reads what was found, by `read` where that remembers documents. Throws `DocumentError` with all findings where the
 * document has errors.
 */
export function readFound({ inEffect, ...found }: Found, read = readInfo): Discovered {
  const { info, findings } = read(found.text);
  if (info === undefined) throw new DocumentError(found.where, found.text, findings);
  return { ...found, info, findings, ...inEffect?.(info) };
}
