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
    switch (text.charCodeAt(at)) {
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

const [QUOTE, BACKSLASH, COLON] = [0x22, 0x5c, 0x3a];
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_LIST, CLOSE_LIST] = [0x7b, 0x7d, 0x5b, 0x5d];

/** Where the quote is that ends a string. */
function endOfString(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === BACKSLASH) at++;
    else if (unit === QUOTE) return at;
  }
  return text.length;
}

function beyond(what: string, found: number, most: number, offset: number): VmstateError {
  return new VmstateError('ERR_VMSTATE_LIMIT', what, `are ${found}, at most ${most} are taken`, offset);
}
