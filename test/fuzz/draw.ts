/**
 * The choices that make up one fuzz case. While fuzzing they come from a generator that a seed repeats, and are written
 * down as bytes; a kept case is those bytes, read back.
 */
export class Draw {
  readonly #kept: Uint8Array | undefined;
  #written = new Uint8Array(1024);
  #at = 0;
  #state: number;

  private constructor(kept: Uint8Array | undefined, seed: number) {
    this.#kept = kept;
    // xorshift32 never leaves 0, and neighbouring seeds would begin alike
    this.#state = Math.imul(seed, 0x9e37_79b1) | 1;
    for (let i = 0; i < 4; i++) this.#next();
  }

  static fresh(seed: number): Draw {
    return new Draw(undefined, seed);
  }

  static replay(bytes: Uint8Array): Draw {
    return new Draw(bytes, 0);
  }

  /** The choices so far. */
  get bytes(): Uint8Array {
    return this.#kept ?? this.#written.slice(0, this.#at);
  }

  /** Whether a kept case has no choices left: from here on every choice is 0. Loops over steps end then. */
  get ended(): boolean {
    return this.#kept !== undefined && this.#at >= this.#kept.length;
  }

  /** A number from 0 to `limit - 1`, `limit` at most 2^32. */
  below(limit: number): number {
    let value = this.#byte();
    for (let reach = 256; reach < limit; reach *= 256) value = value * 256 + this.#byte();
    return value % limit;
  }

  /** True once in `times` choices; false where a kept case has ended. */
  once(times: number): boolean {
    return this.below(times) === times - 1;
  }

  pick<T>(from: readonly T[]): T {
    const chosen = from[this.below(from.length)];
    if (chosen === undefined) throw new RangeError('Nothing to pick from');
    return chosen;
  }

  /** Any 64 bits. */
  u64(): bigint {
    return (BigInt(this.below(2 ** 32)) << 32n) | BigInt(this.below(2 ** 32));
  }

  take(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) bytes[i] = this.#byte();
    return bytes;
  }

  #byte(): number {
    if (this.#kept !== undefined) return this.#kept[this.#at++] ?? 0;
    if (this.#at === this.#written.length) {
      const longer = new Uint8Array(2 * this.#at);
      longer.set(this.#written);
      this.#written = longer;
    }
    const byte = this.#next() & 0xff;
    this.#written[this.#at++] = byte;
    return byte;
  }

  #next(): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return this.#state >>> 11;
  }
}
