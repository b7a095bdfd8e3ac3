/** What is wrong with a document, collected while it is read; where each finding stands is looked up once, at the end. */
import { MAX_FINDINGS } from '../limits.ts';
import { isLong, locate, type Path, type Position, pointerOf } from './places.ts';

/** Stable names of what can be found in a migration info document. */
export const LINT_CODES = [
  /** error: the text, a name or a description is longer than the limit. */
  'too-long',
  /** error: objects and lists lie too deep within one another. */
  'too-deep',
  /** error: more entries than the limit. */
  'too-many',
  /** error: the text is not JSON (comments and trailing commas are not). */
  'not-json',
  /** error: an object has a member twice. */
  'duplicate-member',
  /** error: another type, or another form, than what stands here. */
  'wrong-form',
  /** error: something that is required is not there. */
  'missing',
  /** error: a model, parameter, version or profile cannot be called this. */
  'bad-name',
  /** error: a range whose end is smaller than its beginning. */
  'bad-range',
  /** error: a range where the parameter is text. */
  'range-in-text',
  /** error: a list or rule that says nothing. */
  'empty',
  /** error: an init value, off value or a value of a profile is not among the allowed ones. */
  'outside-domain',
  /** error: a profile or rule names a parameter that the model does not have. */
  'unknown-parameter',
  /** error: a profile leaves out a parameter that cannot be switched off. */
  'profile-incomplete',
  /** error: the values of a profile break a rule of the same model. */
  'rule-broken',
  /** warning: the init values break a rule, so that a device cannot be made without saying more. */
  'init-breaks-rule',
  /** error: a version is listed twice. */
  'duplicate-version',
  /** warning: a member that is not known here; it is ignored. */
  'unknown-member',
  /** warning: the model string begins with a name that nobody can own. */
  'no-domain',
  /** warning: two entries of a list have values in common. */
  'overlap',
  /** warning: a bool with one allowed value has an off value. */
  'always-off',
  /** warning: part of a rule can never hold. */
  'never-holds',
  /** warning: a rule has too many cases to be proven by. */
  'rule-beyond',
  /** warning: a preference between texts, which have no order. */
  'no-order',
] as const;

export type LintCode = (typeof LINT_CODES)[number];

/** One thing that is wrong (`error`) or strange (`warning`) in a document. Plain data, safe for JSON. */
export interface LintFinding {
  readonly level: 'error' | 'warning';
  readonly code: LintCode;
  /** JSON pointer (RFC 6901) of the value, or of the member where its name is what is wrong. */
  readonly place: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 code units. */
  readonly column: number;
  /** What was found, and what was expected. */
  readonly message: string;
}

interface Found {
  readonly level: LintFinding['level'];
  readonly code: LintCode;
  readonly path: Path;
  readonly at: 'name' | 'value' | Position;
  readonly message: string;
}

export class Findings {
  readonly #found: Found[] = [];
  #errors = 0;
  #warnings = 0;

  /** How many errors there are, kept or not; with one, what was read is of no use. */
  get errors(): number {
    return this.#errors;
  }

  /** Beyond `MAX_FINDINGS` errors nothing is kept, and as many warnings. */
  error(code: LintCode, path: Path, message: string, at: Found['at'] = 'value'): void {
    if (this.#errors++ < MAX_FINDINGS)
      this.#found.push({ level: 'error', code, ...placed(path, at), message });
  }

  warn(code: LintCode, path: Path, message: string, at: Found['at'] = 'value'): void {
    if (this.#warnings++ < MAX_FINDINGS)
      this.#found.push({ level: 'warning', code, ...placed(path, at), message });
  }

  /** All findings in the order of `text`. */
  in(text: string): LintFinding[] {
    const paths = this.#found.filter(({ at }) => typeof at === 'string').map(({ path }) => path);
    const places = paths.length === 0 ? undefined : locate(text, paths);
    return this.#found
      .map(({ level, code, path, at, message }) => {
        const place = pointerOf(path);
        const { line, column } = typeof at === 'string' ? (places?.get(place)?.[at] ?? START) : at;
        return { level, code, place, line, column, message };
      })
      .sort((a, b) => a.line - b.line || a.column - b.column);
  }
}

/** Where a text begins. */
export const START: Position = { line: 1, column: 1 };

/** `path` as far as its names can be shown: what has a longer one is found where that one's object is. */
function placed(path: Path, at: Found['at']): Pick<Found, 'path' | 'at'> {
  const shown = path.findIndex(isLong);
  return shown < 0 ? { path, at } : { path: path.slice(0, shown), at: typeof at === 'string' ? 'value' : at };
}

/** A value of JSON, or a name, for a message, which stays short whatever is given. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value);
  if (typeof value !== 'string') return String(value);
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
}
