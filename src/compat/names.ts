/** What model strings, names of parameters and versions look like. */
import { MAX_MODEL_NAME, MAX_PARAMETER_NAME, MAX_VERSION } from './limits.ts';
import { compareBytes } from './value.ts';

/** A domain name, then path components: `a.com/nic`. */
const MODEL = /^[^/\s\p{Cc}]+(?:\/[^/\s\p{Cc}]+)+$/u;

/** Without what separates names elsewhere. */
const PARAMETER = /^[^=/\s\p{Cc}]+$/u;

const VERSION = /^[\x20-\x7e]+$/;

/** Whether `text` is a device model string: a domain name, then path components, each after a `/`. */
export function isModelName(text: string): boolean {
  return fits(text, MAX_MODEL_NAME) && MODEL.test(text);
}

/** Whether `text` can name a migration parameter, and a file: not empty, no `=`, no `/`, no white space, not `.` or `..`. */
export function isParameterName(text: string): boolean {
  return fits(text, MAX_PARAMETER_NAME) && PARAMETER.test(text) && text !== '.' && text !== '..';
}

/** Whether `text` can be a version, or the name of a profile: ASCII in one line. */
export function isVersionName(text: string): boolean {
  return fits(text, MAX_VERSION) && VERSION.test(text);
}

/** The same entries, sorted by name. */
export function sortedByName<T>(entries: Iterable<readonly [string, T]>): Map<string, T> {
  return new Map([...entries].sort(([a], [b]) => compareBytes(a, b)));
}

function fits(text: string, bytes: number): boolean {
  return text.length <= bytes && text.isWellFormed() && Buffer.byteLength(text) <= bytes;
}

/** `text` for a message, which stays short whatever is given. */
export function quoted(text: string): string {
  return JSON.stringify(short(text, 80));
}

/** `text`, cut where it has more than `most` characters. */
export function short(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most)}…` : text;
}

/** How many names are written out for people. */
const SHOWN = 16;

/** `names` for people, a few of them where there are many; `none` where there are none. */
export function someOf(names: Iterable<string>, none = 'none'): string {
  const all = [...names];
  const shown = all.slice(0, SHOWN).join(', ');
  return all.length > SHOWN ? `${shown} and ${all.length - SHOWN} more` : shown || none;
}
