import type { LintFinding } from '../compat/index.ts';
import { FerryError } from '../errors.ts';

export type DiscoverErrorCode =
  /** There is nothing of that name. */
  | 'ERR_DISCOVER_MISSING'
  /** What is there is not a place that documents come from. */
  | 'ERR_DISCOVER_KIND'
  /** It cannot be read. */
  | 'ERR_DISCOVER_READ'
  /** It is larger than is taken. */
  | 'ERR_DISCOVER_SIZE'
  /** It is not UTF-8. */
  | 'ERR_DISCOVER_TEXT'
  /** The program offers no document. */
  | 'ERR_DISCOVER_NONE'
  /** The program cannot be started. */
  | 'ERR_DISCOVER_START'
  /** The program says that it cannot be instantiated so: exit status 1. */
  | 'ERR_DISCOVER_REFUSED'
  /** A signal or another exit status ended the program. */
  | 'ERR_DISCOVER_CRASH'
  /** It did not come to its end in time. */
  | 'ERR_DISCOVER_DEADLINE'
  /** The program printed nothing, too much, or other things than a document. */
  | 'ERR_DISCOVER_OUTPUT'
  /** The document has errors. */
  | 'ERR_DISCOVER_DOCUMENT'
  /** A line or file of an inventory is not what it should be. */
  | 'ERR_DISCOVER_ENTRY'
  /** A vhost-user descriptor is not what it should be. */
  | 'ERR_DISCOVER_DESCRIPTOR'
  /** What is there differs from what the RFC lays down for sysfs. */
  | 'ERR_DISCOVER_SYSFS'
  /** Several documents are there where one is needed. */
  | 'ERR_DISCOVER_SEVERAL'
  /** The document is another than the one that was planned with. */
  | 'ERR_DISCOVER_CHANGED';

/** A document cannot be had from where it was looked for. */
export class DiscoverError extends FerryError {
  declare readonly code: DiscoverErrorCode;

  constructor(code: DiscoverErrorCode, message: string, options?: { cause?: unknown; retry?: boolean }) {
    super(code, message, options);
  }
}

/** A document was found, and has errors: `findings` are all of them, and the warnings. */
export class DocumentError extends DiscoverError {
  readonly where: string;
  readonly text: string;
  readonly findings: readonly LintFinding[];

  constructor(where: string, text: string, findings: readonly LintFinding[]) {
    const errors = findings.filter(({ level }) => level === 'error');
    const [first] = errors;
    const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
    super(
      'ERR_DISCOVER_DOCUMENT',
      `The migration info document of ${where} has errors: ${
        first === undefined
          ? 'none was named'
          : `line ${first.line}, column ${first.column}: ${first.message}`
      }${more}`,
    );
    this.where = where;
    this.text = text;
    this.findings = findings;
  }
}
