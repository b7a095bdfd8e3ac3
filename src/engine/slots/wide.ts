/** The count of up to 2^53 in two words, the low one first. */
export function wide(words: Int32Array, at: number): number {
  return (words[at]! >>> 0) + (words[at + 1]! >>> 0) * 2 ** 32;
}

/** Add to such a count. */
export function addWide(words: Int32Array, at: number, by: number): void {
  const sum = wide(words, at) + by;
  words[at] = sum | 0;
  words[at + 1] = Math.floor(sum / 2 ** 32);
}
