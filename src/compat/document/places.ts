/** Where things stand in the text of a document. Nothing is looked up unless something is wrong. */
import { type JSONVisitor, printParseErrorCode, visit } from 'jsonc-parser';
import { MAX_MODEL_NAME } from '../limits.ts';

/** Names of members and indices of entries, from the whole document on. */
export type Path = readonly (string | number)[];

/** Line and column from 1; columns are UTF-16 code units. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Where a member's name stands, and its value; an entry of a list has no name, and the value's position for it. */
export interface Place {
  readonly name: Position;
  readonly value: Position;
}

const OPTIONS = { disallowComments: true, allowTrailingComma: false };

/** Whether a name is longer than any that a document can have. */
export function isLong(key: string | number): boolean {
  return typeof key === 'string' && key.length > MAX_MODEL_NAME;
}

/** The JSON pointer of `path` (RFC 6901). */
export function pointerOf(path: Path): string {
  return path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** The position of the character at `offset`. */
export function positionAt(text: string, offset: number): Position {
  let [line, start] = [1, 0];
  for (const end of text.slice(0, offset).matchAll(/\r\n?|\n/g)) {
    line++;
    start = end.index + end[0].length;
  }
  return { line, column: offset - start + 1 };
}

/**
 * The places of `paths`, which have no long names, in `text`, which is JSON and not deep; by pointer. Of a member that is
 * there twice the last one.
 */
export function locate(text: string, paths: readonly Path[]): Map<string, Place> {
  const wanted = new Set(paths.map(pointerOf));
  const places = new Map<string, Place>();
  const names = new Map<string, Position>();
  const wantedAt = (keys: Path): string | undefined => {
    const pointer = keys.some(isLong) ? undefined : pointerOf(keys);
    return pointer !== undefined && wanted.has(pointer) ? pointer : undefined;
  };
  const value = (line: number, column: number, path: () => Path): void => {
    const pointer = wantedAt(path());
    const position = { line: line + 1, column: column + 1 };
    if (pointer !== undefined) places.set(pointer, { name: names.get(pointer) ?? position, value: position });
  };
  visit(
    text,
    {
      onObjectProperty: (name, _offset, _length, line, column, path) => {
        const pointer = wantedAt([...path(), name]);
        if (pointer !== undefined) names.set(pointer, { line: line + 1, column: column + 1 });
      },
      onObjectBegin: (_offset, _length, line, column, path) => value(line, column, path),
      onArrayBegin: (_offset, _length, line, column, path) => value(line, column, path),
      onLiteralValue: (_value, _offset, _length, line, column, path) => value(line, column, path),
    },
    OPTIONS,
  );
  return places;
}

/** A member that an object has more than once: where it is there again. */
export interface Duplicate {
  readonly path: Path;
  readonly position: Position;
}

/** Members that are there again in `text`, which is JSON and not deep; at most `most`. */
export function findDuplicates(text: string, most: number): Duplicate[] {
  const found: Duplicate[] = [];
  const open: Set<string>[] = [];
  visit(
    text,
    {
      onObjectBegin: () => void open.push(new Set()),
      onObjectEnd: () => void open.pop(),
      onObjectProperty: (name, _offset, _length, line, column, path) => {
        const names = open.at(-1);
        if (names?.has(name) && found.length < most)
          found.push({ path: [...path(), name], position: { line: line + 1, column: column + 1 } });
        names?.add(name);
      },
    },
    OPTIONS,
  );
  return found;
}

/** Why `text` is not JSON, as the first thing that was expected instead, and its offset. */
export interface SyntaxFault {
  readonly expected: string;
  readonly offset: number;
}

/** Ends a visit; it has no other way. */
class Stop extends Error {}

/** The first fault of `text` in the eyes of a reader that goes at most `depth` deep; undefined where it finds none. */
export function findSyntaxFault(text: string, depth: number): SyntaxFault | undefined {
  let fault: SyntaxFault | undefined;
  let open = 0;
  const stop = (expected: string, offset: number): never => {
    fault = { expected, offset };
    throw new Stop(expected);
  };
  const down = (offset: number): undefined => {
    if (++open > depth) stop(`at most ${depth} objects and lists within one another`, offset);
  };
  const up = (): void => void open--;
  const visitor: JSONVisitor = {
    onError: (code, offset) => stop(EXPECTED[printParseErrorCode(code)] ?? 'JSON', offset),
    onObjectBegin: down,
    onObjectEnd: up,
    onArrayBegin: down,
    onArrayEnd: up,
  };
  try {
    visit(text, visitor, OPTIONS);
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
  }
  return fault;
}

const EXPECTED: Readonly<Record<string, string>> = {
  InvalidSymbol: 'an object, a list, a string, a number, true, false or null',
  InvalidNumberFormat: 'a number',
  PropertyNameExpected: 'the name of a member in double quotes',
  ValueExpected: 'a value',
  ColonExpected: 'a colon',
  CommaExpected: 'a comma, or the end of the object or list',
  CloseBraceExpected: 'a closing brace',
  CloseBracketExpected: 'a closing bracket',
  EndOfFileExpected: 'the end of the text',
  InvalidCommentToken: 'no comment',
  UnexpectedEndOfComment: 'no comment',
  UnexpectedEndOfString: 'the end of a string',
  UnexpectedEndOfNumber: 'another digit',
  InvalidUnicode: 'four hexadecimal digits in an escape',
  InvalidEscapeCharacter: 'an escape that JSON has',
  InvalidCharacter: 'control characters as escapes',
};
