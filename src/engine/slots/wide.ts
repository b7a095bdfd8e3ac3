/** Words that a count of up to 2^53 takes: its high half, its low half, and the high half once more. */
export const WIDE_WORDS = 3;

/** Looks at a count that is being changed: whoever changes it needs less time than that, unless it died meanwhile. */
const LOOKS = 1000;

/** A count, which one thread at a time may add to while others read it. */
export function wide(words: Int32Array, at: number): number {
  for (let looks = 0; ; looks++) {
    // Against the order of writing: where both high halves are the same, the low one belongs to them
    const high = Atomics.load(words, at + 2);
    const low = Atomics.load(words, at + 1);
    if (Atomics.load(words, at) === high || looks === LOOKS) return (low >>> 0) + (high >>> 0) * 2 ** 32;
  }
}

/** Add to a count. */
export function addWide(words: Int32Array, at: number, by: number): void {
  const sum = wide(words, at) + by;
  const high = Math.floor(sum / 2 ** 32);
  Atomics.store(words, at, high);
  Atomics.store(words, at + 1, sum | 0);
  Atomics.store(words, at + 2, high);
}
