import { stripVTControlCharacters } from 'node:util';
import { clip } from './printable.ts';

/** How much people are shown. */
export interface Show {
  /** Everything, however much it is. */
  readonly all: boolean;
}

/** Rows that are shown of a long table, and characters of a long cell, unless all is asked for. */
const MOST_ROWS = 20;
const MOST_CELL = 56;

/**
 * Rows of cells in columns as wide as their widest cell, indented by two; the last column is as long as it is. Of a long
 * table the first rows are shown, and a line that says how many there are besides.
 */
export function table(rows: readonly (readonly string[])[], { all }: Show, most = MOST_ROWS): string[] {
  const cells = rows.map((row) =>
    row.map((cell, at) => (all || at === row.length - 1 ? cell : clip(cell, MOST_CELL))),
  );
  const kept = all ? cells : cells.slice(0, most);
  const widths: number[] = [];
  for (const row of kept)
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, width(cell));
  const lines = kept.map((row) =>
    `  ${row.map((cell, at) => (at === row.length - 1 ? cell : pad(cell, widths[at] ?? 0))).join('  ')}`.trimEnd(),
  );
  return lines.concat(more(cells.length - kept.length));
}

/** What is said of `left` lines that are not shown; nothing where there are none. */
export function more(left: number): string[] {
  return left > 0 ? [`  … ${left} more (--all shows them)`] : [];
}

/** The first of `items`, all of them when asked for, and how many are left. */
export function firstOf<T>(
  items: readonly T[],
  most: number,
  { all }: Show,
): { shown: readonly T[]; left: number } {
  const shown = all ? items : items.slice(0, most);
  return { shown, left: items.length - shown.length };
}

/** `text` in at least `columns` columns. */
export function pad(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - width(text)));
}

/** Columns that `text` takes: colours take none. */
function width(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}

/** `3 parameters`, `1 parameter`. */
export function count(number: number, one: string, several = `${one}s`): string {
  return `${number} ${number === 1 ? one : several}`;
}

/** Names in a line that stays short: `a, b and 12 more`. */
export function named(names: readonly string[], show: Show = { all: false }, most = 8): string {
  const { shown, left } = firstOf(names, most, show);
  return `${shown.join(', ')}${left > 0 ? ` and ${left} more` : ''}`;
}
