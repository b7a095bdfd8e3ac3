/** Characters that act on a terminal, hide, or turn the direction of writing, and halves of pairs that mean nothing. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** The same in JSON, where what has no other escape comes as UTF-16 units. */
const HIDDEN_IN_JSON = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/**
 * `text` in one line, with every character that a terminal would act on, or that nobody sees, as `\x1b` or `\u{202e}`.
 * Where a line ended there is an arrow.
 */
export function printable(text: string): string {
  return text.replace(HIDDEN, (character) => {
    if (character === '\n') return ' ↵ ';
    const code = (character.codePointAt(0) ?? 0).toString(16);
    return code.length <= 2 ? `\\x${code.padStart(2, '0')}` : `\\u{${code}}`;
  });
}

/** Plain data with all its texts and the names of its members `printable`. */
export function printableData<T>(data: T): T {
  return shown(data) as T;
}

function shown(data: unknown): unknown {
  if (typeof data === 'string') return printable(data);
  if (Array.isArray(data)) return data.map(shown);
  if (typeof data !== 'object' || data === null) return data;
  return Object.fromEntries(Object.entries(data).map(([name, value]) => [printable(name), shown(value)]));
}

/** `data` as a line of JSON that is safe on a terminal: what JSON leaves as it is, is escaped as well. */
export function jsonLine(data: object): string {
  const escaped = JSON.stringify(data).replace(HIDDEN_IN_JSON, (character) =>
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  );
  return `${escaped}\n`;
}

/** `text`, or its beginning and an ellipsis where it has more than `most` characters. */
export function clip(text: string, most: number): string {
  if (text.length <= most) return text;
  const characters = [...text];
  return characters.length <= most ? text : `${characters.slice(0, most - 1).join('')}…`;
}
