/** From text to a value of JSON within limits. What is sound is read at the speed of the engine's own parser. */
import { MAX_DEPTH, MAX_DOCUMENT, MAX_ENTRIES, MAX_FINDINGS } from '../limits.ts';
import { type Findings, START, show } from './findings.ts';
import { findDuplicates, findSyntaxFault, positionAt } from './places.ts';

/**
 * The value that `text` is, its limits checked before anything is made of it. What is wrong is added to `findings`; of a
 * member that is there twice the last value is in the result. Undefined where there is nothing to be read.
 */
export function readJson(text: string, findings: Findings): unknown {
  if (text.length > MAX_DOCUMENT) {
    const message = `Found ${text.length} characters, expected at most ${MAX_DOCUMENT}`;
    findings.error('too-long', [], message, START);
    return undefined;
  }
  const members = measure(text, findings);
  if (members === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    findings.error('not-json', [], ...whyNot(text, error));
    return undefined;
  }
  if (countMembers(value) !== members)
    for (const { path, position } of findDuplicates(text, MAX_FINDINGS))
      findings.error('duplicate-member', path, `Found ${show(path.at(-1))} again`, position);
  return value;
}

const SPACE = 0x20;
const [QUOTE, BACKSLASH, COLON, COMMA] = [0x22, 0x5c, 0x3a, 0x2c];
const [OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET] = [0x7b, 0x7d, 0x5b, 0x5d];

/** How many members the objects in `text` have, doubled ones included; undefined beyond a limit. It need not be JSON yet. */
function measure(text: string, findings: Findings): number | undefined {
  let [members, entries, depth] = [0, 0, 0];
  for (let i = 0; i < text.length; i++) {
    const character = text.charCodeAt(i);
    if (character <= SPACE) continue;
    if (character === QUOTE) i = endOfString(text, i);
    else if (character === OPEN_BRACE || character === OPEN_BRACKET) {
      entries++;
      if (++depth > MAX_DEPTH) {
        const message = `Found objects and lists ${depth} deep, expected at most ${MAX_DEPTH}`;
        findings.error('too-deep', [], message, positionAt(text, i));
        return undefined;
      }
    } else if (character === CLOSE_BRACE || character === CLOSE_BRACKET) depth--;
    else if (character === COLON) members++;
    else if (character === COMMA && ++entries > MAX_ENTRIES) {
      const message = `Found more than ${MAX_ENTRIES} members and entries`;
      findings.error('too-many', [], message, positionAt(text, i));
      return undefined;
    }
  }
  return members;
}

/** The offset of the quote that ends the string which begins at `start`, or the end of `text`. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let escapes = end;
    while (text.charCodeAt(escapes - 1) === BACKSLASH) escapes--;
    if ((end - escapes) % 2 === 0) return end;
  }
  return text.length;
}

/** `value` is no deeper than `measure` allows. */
function countMembers(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const inner = Object.values(value);
  let count = Array.isArray(value) ? 0 : inner.length;
  for (const one of inner) if (typeof one === 'object') count += countMembers(one);
  return count;
}

function whyNot(text: string, error: unknown): [message: string, position: ReturnType<typeof positionAt>] {
  if (text.startsWith('\ufeff')) return ['Found a byte order mark, expected an object', positionAt(text, 0)];
  const { expected, offset } = findSyntaxFault(text, MAX_DEPTH) ?? {
    expected: `JSON (${error instanceof Error ? error.message : String(error)})`,
    offset: 0,
  };
  const found = offset >= text.length ? 'the end of the text' : show(text.slice(offset, offset + 20));
  return [`Found ${found}, expected ${expected}`, positionAt(text, offset)];
}
