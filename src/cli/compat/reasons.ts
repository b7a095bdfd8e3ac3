import type { Answer, Change, Reason } from '../../compat/index.ts';
import { reasonMark } from './answer.ts';
import { firstOf, more, type Show } from './table.ts';

/** Reasons that are shown of one destination, unless all are asked for. */
const MOST_REASONS = 8;

const RANK: Readonly<Record<Answer, number>> = { no: 0, unproven: 1, yes: 2 };

/** Reasons, a line each: what is had and what is wanted, and what to do. The decisive ones come first. */
export function reasonLines(reasons: readonly Reason<string>[], show: Show, indent = '  '): string[] {
  const { shown, left } = firstOf(decisiveFirst(reasons), MOST_REASONS, show);
  const lines = shown.map(
    ({ answer, message, remedy }) =>
      `${indent}${reasonMark(answer)}  ${message}${remedy === undefined ? '' : ` → ${remedy}`}`,
  );
  return lines.concat(more(left).map((line) => indent + line.trimStart()));
}

function decisiveFirst(reasons: readonly Reason<string>[]): Reason<string>[] {
  return [...reasons].sort((a, b) => RANK[a.answer] - RANK[b.answer]);
}

/** The reason that decides, in one line: for tables of many destinations. */
export function decisive(reasons: readonly Reason<string>[]): string {
  const [first, ...others] = decisiveFirst(reasons).filter(({ answer }) => answer !== 'yes');
  if (first === undefined) return '';
  return `${first.message}${others.length === 0 ? '' : ` (and ${others.length} more)`}`;
}

/** What a destination can do, behind its name. */
export const CAN: Readonly<Record<Answer, string>> = {
  yes: 'can take',
  no: 'cannot take',
  unproven: 'may be able to take',
};

/** How a running source can be made fit for the destination. */
export function wayOutLines(wayOut: readonly Change[] | null): string[] {
  return (wayOut ?? []).map(
    ({ parameter, value }) => `  a way out: ferry compat set --control SOCKET ${parameter}=${value}`,
  );
}
