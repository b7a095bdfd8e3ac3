/** Bitmaps of 32-bit words, worked on in runs: nothing here allocates. */

function maskFrom(bit: number): number {
  return -1 << (bit & 31);
}

function maskTo(bit: number): number {
  return -1 >>> (31 - (bit & 31));
}

/** Set `count` bits from `first`. */
export function setRange(words: Int32Array, first: number, count: number): void {
  if (count <= 0) return;
  const last = first + count - 1;
  const from = first >>> 5;
  const to = last >>> 5;
  if (from === to) {
    words[from]! |= maskFrom(first) & maskTo(last);
    return;
  }
  words[from]! |= maskFrom(first);
  words.fill(-1, from + 1, to);
  words[to]! |= maskTo(last);
}

/** Clear `count` bits from `first`. */
export function clearRange(words: Int32Array, first: number, count: number): void {
  if (count <= 0) return;
  const last = first + count - 1;
  const from = first >>> 5;
  const to = last >>> 5;
  if (from === to) {
    words[from]! &= ~(maskFrom(first) & maskTo(last));
    return;
  }
  words[from]! &= ~maskFrom(first);
  words.fill(0, from + 1, to);
  words[to]! &= ~maskTo(last);
}

/** Whether `bit` is set. */
export function isSet(words: Int32Array, bit: number): boolean {
  return ((words[bit >>> 5]! >>> (bit & 31)) & 1) !== 0;
}

/** The first set bit from `bit` on, or `end`. */
export function nextSet(words: Int32Array, bit: number, end: number): number {
  let at = bit;
  while (at < end) {
    const word = words[at >>> 5]! >>> (at & 31);
    if (word !== 0) return Math.min(at + 31 - Math.clz32(word & -word), end);
    at = (at | 31) + 1;
  }
  return end;
}

/** The first clear bit from `bit` on, or `end`. */
export function nextClear(words: Int32Array, bit: number, end: number): number {
  let at = bit;
  while (at < end) {
    const word = ~words[at >>> 5]! >>> (at & 31);
    if (word !== 0) return Math.min(at + 31 - Math.clz32(word & -word), end);
    at = (at | 31) + 1;
  }
  return end;
}

/** How many of `count` bits from `first` are set. */
export function countSet(words: Int32Array, first: number, count: number): number {
  const end = first + count;
  let set = 0;
  for (let at = nextSet(words, first, end); at < end; ) {
    const stop = nextClear(words, at, end);
    set += stop - at;
    at = nextSet(words, stop, end);
  }
  return set;
}
