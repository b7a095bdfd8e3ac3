/** Bounds on a text before and after it is parsed, so that a hostile one costs no more than a large one. */
import { visit } from 'jsonc-parser';
import { VmstateError } from './errors.ts';
import type { VmstateLimits } from './limits.ts';

/**
 * The number of colons in `text`: of its members, and of those in its strings.
 *
 * @throws VmstateError ERR_VMSTATE_LIMIT when there may be more containers or members than are taken
 */
export function scanText(text: string, limits: VmstateLimits): number {
  const containers = count(text, '{', limits.containers) + count(text, '[', limits.containers);
  if (containers > limits.containers) throw beyond('containers', limits.containers);
  const colons = count(text, ':', limits.members);
  if (colons > limits.members) throw beyond('members', limits.members);
  return colons;
}

/**
 * Members of all objects in `value`, which was parsed. A member that is in its object twice is parsed into one.
 *
 * @throws VmstateError ERR_VMSTATE_LIMIT when containers lie deeper within one another than is taken
 */
export function countMembers(value: unknown, limits: VmstateLimits, depth = 0): number {
  if (typeof value !== 'object' || value === null) return 0;
  if (depth === limits.depth) throw beyond('depth', limits.depth);
  let members = 0;
  if (Array.isArray(value)) for (const each of value) members += countMembers(each, limits, depth + 1);
  else if (isMembers(value))
    for (const key in value) members += 1 + countMembers(value[key], limits, depth + 1);
  return members;
}

/** What a JSON object was parsed into. */
export type Members = Readonly<Record<string, unknown>>;

export function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The first member that is in its object twice, if there is one. Slow, and only for texts whose depth is known. */
export function duplicateIn(text: string): VmstateError | undefined {
  const names: Set<string>[] = [];
  let found: VmstateError | undefined;
  visit(text, {
    onObjectBegin: () => void names.push(new Set()),
    onObjectEnd: () => void names.pop(),
    onObjectProperty: (name, offset, _length, line, _column, path) => {
      const seen = names.at(-1);
      if (seen?.has(name) && found === undefined) {
        const place = pointerOf([...path(), name]);
        found = new VmstateError(
          'ERR_VMSTATE_DUPLICATE',
          place,
          `is there twice, on line ${line + 1}`,
          offset,
        );
      }
      seen?.add(name);
    },
  });
  return found;
}

/** A place as a JSON pointer; the whole is `dump`. */
export function pointerOf(tokens: readonly (string | number)[]): string {
  return (
    tokens.map((token) => `/${String(token).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('') || 'dump'
  );
}

/** How often `mark` occurs, counted to one more than `most`. */
function count(text: string, mark: string, most: number): number {
  let found = 0;
  for (let at = text.indexOf(mark); at >= 0 && found <= most; at = text.indexOf(mark, at + 1)) found++;
  return found;
}

function beyond(what: string, most: number): VmstateError {
  return new VmstateError('ERR_VMSTATE_LIMIT', what, `is beyond ${most}, which is what is taken`);
}
