const [QUOTE, BACKSLASH, COLON, COMMA] = [0x22, 0x5c, 0x3a, 0x2c];
const OPENING = new Set([0x7b, 0x5b]);
const CLOSING = new Set([0x7d, 0x5d]);

/**
 * The members of the JSON object `text`, each value as it is written there: what reads a value then sees the number of
 * more than 53 bits, or the member that is there twice, and not what JSON.parse makes of it. Values are not looked at, so
 * each has to be read by something that does. Undefined where `text` is no object, or a member is there twice.
 */
export function memberTexts(text: string): ReadonlyMap<string, string> | undefined {
  const whole = text.trim();
  if (!whole.startsWith('{') || !whole.endsWith('}')) return undefined;
  const members = new Map<string, string>();
  const last = whole.length - 1;
  if (whole.slice(1, last).trim() === '') return members;
  for (let from = 1; from <= last; ) {
    const colon = end(whole, from, last, COLON);
    const to = end(whole, colon + 1, last, COMMA);
    const name = nameIn(whole.slice(from, colon));
    if (colon >= last || name === undefined || members.has(name)) return undefined;
    members.set(name, whole.slice(colon + 1, to).trim());
    if (to === last) return members;
    from = to + 1;
  }
  return undefined;
}

/** Where `mark` is found from `from` on, outside of texts and of what is nested; `last` where it is not. */
function end(text: string, from: number, last: number, mark: number): number {
  let depth = 0;
  for (let at = from; at < last; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = closingQuote(text, at, last);
    else if (OPENING.has(code)) depth++;
    else if (CLOSING.has(code)) depth--;
    else if (code === mark && depth === 0) return at;
  }
  return last;
}

/** The quote that ends the text which begins at `from`. */
function closingQuote(text: string, from: number, last: number): number {
  for (let at = from + 1; ; at++) {
    at = text.indexOf('"', at);
    if (at < 0 || at > last) return last;
    let backslashes = 0;
    while (text.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return at;
  }
}

function nameIn(text: string): string | undefined {
  try {
    const name: unknown = JSON.parse(text);
    return typeof name === 'string' ? name : undefined;
  } catch {
    return undefined;
  }
}
