import { DecodeError, FerryError } from '../errors.ts';

/** Compresses what it is given into one stream, piece by piece. */
export interface Compressor extends Disposable {
  /**
   * Compress `length` bytes at `from` to `into`, where there is room for `room` bytes, in such a way that they can be
   * decompressed without what comes later. The input must not change meanwhile. Returns how many bytes it became. Throws
   * `ERR_COMPRESS` where they do not fit; the stream cannot be used then.
   */
  compress(from: number, length: number, into: number, room: number): number;
}

/** Decompresses such a stream. After an error it cannot be used. */
export interface Decompressor extends Disposable {
  /** Take the next `length` bytes of the stream, at `from`; they must stay as they are until `finish` returns. */
  feed(from: number, length: number): void;
  /** Decompress exactly `length` bytes to `into`. Throws `ERR_COMPRESSED_DATA` where there are fewer, or damaged ones. */
  read(into: number, length: number): void;
  /** Throws `ERR_COMPRESSED_DATA` where what was fed holds more than was read. */
  finish(): void;
}

export function compressError(library: string, what: string): FerryError {
  return new FerryError('ERR_COMPRESS', `${library} cannot compress: ${what}`);
}

export function dataError(library: string, what: string): DecodeError {
  return new DecodeError('ERR_COMPRESSED_DATA', `${library} data`, what);
}

/** Write `value`, a number below 2^53, as 64 bits of this machine into words `at` and `at + 1`. */
export function putWide(words: Uint32Array, at: number, value: number): void {
  words[at] = value >>> 0;
  words[at + 1] = Math.floor(value / 2 ** 32);
}

/** The 64 bits in words `at` and `at + 1`, as a number. */
export function getWide(words: Uint32Array, at: number): number {
  return words[at + 1]! * 2 ** 32 + words[at]!;
}
