/** A request as it arrives, such as the part of a descriptor chain that the device reads. */
export interface RequestBytes {
  /** Bytes in all. */
  readonly length: number;
  /**
   * Copy from the present position on; returns how many bytes there were. `words` is a view on all of `into` by words,
   * which makes it faster.
   */
  read(into: Uint8Array, at?: number, length?: number, words?: Uint32Array): number;
  seek(position: number): void;
  /** Bytes from the present position on. */
  readonly remaining: number;
  /** Pass over the next `length` bytes. */
  skip(length: number): number;
  /** Put up to `most` struct iovecs for up to `length` bytes from the present position; -1 where they have no address. */
  fillVectors(words: Uint32Array, most: number, length: number): number;
}

/** Where the answer goes, such as the part of a descriptor chain that the device writes. */
export interface AnswerBytes {
  /** Bytes that there is room for. */
  readonly length: number;
  /**
   * Copy to the present position; returns how many bytes fitted. `words` is a view on all of `from` by words, which
   * makes it faster.
   */
  write(from: Uint8Array, at?: number, length?: number, words?: Uint32Array): number;
  /** Write `length` times `byte`; returns how many bytes fitted. */
  fill(byte: number, length: number): number;
  /** Go to `position`; what was written counts as before. */
  seek(position: number): void;
  /** The next `length` bytes were written by the kernel. */
  advance(length: number): void;
  /** As in `RequestBytes`. */
  fillVectors(words: Uint32Array, most: number, length: number): number;
}
