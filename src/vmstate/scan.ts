/** A look over the text before it is parsed: how deep and how much it is, so that hostile text costs nothing more. */
import { visit } from 'jsonc-parser';
import { VmstateError } from './errors.ts';
import type { VmstateLimits } from './limits.ts';

/**
 * Checks depth and number of containers, and counts the members of all objects.
 *
 * @throws VmstateError ERR_VMSTATE_LIMIT with the offset where a bound is passed
 */
export function scanText(text: string, limits: VmstateLimits): { members: number } {
  let depth = 0;
  let containers = 0;
  let members = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    // Most of what QEMU writes is indentation
    if (unit === SPACE) continue;
    switch (unit) {
      case QUOTE:
        at = endOfString(text, at + 1);
        break;
      case OPEN_OBJECT:
      case OPEN_LIST:
        if (++depth > limits.depth) throw beyond('depth', depth, limits.depth, at);
        if (++containers > limits.containers) throw beyond('containers', containers, limits.containers, at);
        break;
      case CLOSE_OBJECT:
      case CLOSE_LIST:
        depth--;
        break;
      case COLON:
        members++;
        break;
    }
  }
  return { members };
}

/** Names the first member that is in its object twice. Slow: for a text that is known to have one. */
export function duplicateIn(text: string): VmstateError {
  const names: Set<string>[] = [];
  let found: VmstateError | undefined;
  visit(text, {
    onObjectBegin: () => void names.push(new Set()),
    onObjectEnd: () => void names.pop(),
    onObjectProperty: (name, offset, _length, line, _column, path) => {
      const seen = names.at(-1);
      if (seen?.has(name) && found === undefined) {
        const place = ['', ...path(), name]
          .map((token) => String(token).replaceAll('~', '~0').replaceAll('/', '~1'))
          .join('/');
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
  return found ?? new VmstateError('ERR_VMSTATE_DUPLICATE', 'dump', 'has a member twice');
}

const SPACE = 0x20;
const QUOTE = 0x22;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Where the quote is that ends a string: the first with an even number of backslashes before it. */
function endOfString(text: string, from: number): number {
  for (let at = text.indexOf('"', from); at >= 0; at = text.indexOf('"', at + 1)) {
    let start = at;
    while (start > from && text.charCodeAt(start - 1) === BACKSLASH) start--;
    if ((at - start) % 2 === 0) return at;
  }
  return text.length;
}

function beyond(what: string, found: number, most: number, offset: number): VmstateError {
  return new VmstateError('ERR_VMSTATE_LIMIT', what, `are ${found}, at most ${most} are taken`, offset);
}
