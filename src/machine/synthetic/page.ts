/**
 * Pages that say of themselves what they are: page number, version and a mark, then a pattern that follows from the first
 * two and fills the page. All are words of four bytes.
 */

/** Words of a page. */
export const PAGE_WORDS = 1024;

/** What the contents of a page are like. A `fickle` page is noise in odd versions and zeroes in even ones. */
export const PageKind = { zero: 0, text: 1, noise: 2, fickle: 3 } as const;

const MARK = 0x59525246;
const HEAD_WORDS = 4;

/** Of sixteen pages, on average, so many are of each kind. */
const ZERO_PAGES = 4;
const TEXT_PAGES = 5;
const NOISE_PAGES = 5;

/** Scatter the bits of a word (the finalizer of MurmurHash3). */
export function scatter(word: number): number {
  let bits = word ^ (word >>> 16);
  bits = Math.imul(bits, 0x85ebca6b);
  bits ^= bits >>> 13;
  bits = Math.imul(bits, 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/** Of which kind page number `page` of a guest's memory is, in all its versions. */
export function kindOf(page: number): number {
  const draw = scatter(page) & 15;
  if (draw < ZERO_PAGES) return PageKind.zero;
  if (draw < ZERO_PAGES + TEXT_PAGES) return PageKind.text;
  return draw < ZERO_PAGES + TEXT_PAGES + NOISE_PAGES ? PageKind.noise : PageKind.fickle;
}

/** What a page adds to the sum over all pages: with it a page that is whole but old is noticed. Zeroes add nothing. */
export function weightOf(page: number, version: number): number {
  return version === 0 ? 0 : scatter(page ^ Math.imul(version, 0x9e3779b1));
}

/** Write version `version` (at least 1) of page number `page` to the words from `at` on. */
export function writePage(
  words: Uint32Array,
  at: number,
  page: number,
  version: number,
  kind = kindOf(page),
): void {
  const end = at + PAGE_WORDS;
  if (kind === PageKind.zero || (kind === PageKind.fickle && version % 2 === 0)) {
    words.fill(0, at, end);
    return;
  }
  words[at] = page;
  words[at + 1] = version;
  words[at + 2] = MARK;
  words[at + 3] = kind;
  let state = stateOf(page, version);
  // One word in sixteen is new in text: zlib and zstd make it an eighth of its length, as they do with text
  const mask = kind === PageKind.text ? 15 : 0;
  for (let i = HEAD_WORDS; i < PAGE_WORDS; i++) {
    if ((i & mask) === 0) state = next(state);
    words[at + i] = state;
  }
}

/**
 * The version of page number `page` in the words from `at` on: 0 where it is zeroes and may be; -1 where it is not what it
 * says, or says that it is another.
 */
export function readPage(words: Uint32Array, at: number, page: number, kind = kindOf(page)): number {
  if (isZero(words, at)) return kind === PageKind.zero || kind === PageKind.fickle ? 0 : -1;
  const version = words[at + 1]!;
  const mayBe = kind !== PageKind.zero && version !== 0 && (kind !== PageKind.fickle || version % 2 === 1);
  if (!mayBe || words[at] !== page || words[at + 2] !== MARK || words[at + 3] !== kind) return -1;
  let state = stateOf(page, version);
  const mask = kind === PageKind.text ? 15 : 0;
  let differing = 0;
  for (let i = HEAD_WORDS; i < PAGE_WORDS; i++) {
    if ((i & mask) === 0) state = next(state);
    differing |= words[at + i]! ^ (state | 0);
  }
  return differing === 0 ? version : -1;
}

function isZero(words: Uint32Array, at: number): boolean {
  for (let i = at; i < at + PAGE_WORDS; i++) if (words[i] !== 0) return false;
  return true;
}

function stateOf(page: number, version: number): number {
  return weightOf(page, version) | 1;
}

/** Marsaglia's xorshift: every word but zero comes once before any comes again. */
function next(state: number): number {
  let bits = state ^ (state << 13);
  bits ^= bits >>> 17;
  return bits ^ (bits << 5);
}
