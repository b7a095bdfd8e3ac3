import { BufferError } from './errors.ts';
import { MAX_INDEX } from './limits.ts';
import { addWide, WIDE_WORDS, wide } from './wide.ts';

// Words of a device. Indices are counts of 32 bits: "the first index that is not".
const NEXT = 0;
const RECEIVED = 1;
const HIGHEST = 2;
const TOTAL = 3;
const BYTES = 4;
const DEVICE_WORDS = BYTES + WIDE_WORDS;

/**
 * How far the buffers of each device have come, and what may still come. It lies in words of a larger array, `DEVICE_WORDS`
 * for each device.
 */
export class Sequences {
  static readonly DEVICE_WORDS = DEVICE_WORDS;
  readonly #words: Int32Array;
  readonly #at: number;
  readonly #titles: readonly string[];

  /** `titles`: how devices are called in errors. */
  constructor(words: Int32Array, at: number, titles: readonly string[]) {
    this.#words = words;
    this.#at = at;
    this.#titles = titles;
  }

  /** The first index that was not loaded. */
  next(device: number): number {
    return this.#words[this.#device(device) + NEXT]! >>> 0;
  }

  /** The first index that has not come. */
  received(device: number): number {
    return this.#words[this.#device(device) + RECEIVED]! >>> 0;
  }

  /** How many buffers there are; 0 where that is not known. */
  total(device: number): number {
    return this.#words[this.#device(device) + TOTAL]! >>> 0;
  }

  /** Bytes of the buffers that were loaded. */
  bytes(device: number): number {
    return wide(this.#words, this.#device(device) + BYTES);
  }

  isLoaded(device: number): boolean {
    const total = this.total(device);
    return total !== 0 && this.next(device) === total;
  }

  /**
   * Throw a `BufferError` for what no sender may send: an index that is none, a buffer behind the last one, a second last
   * one, a last one before others that have come.
   */
  refuse(device: number, index: number, last: boolean): void {
    if (index > MAX_INDEX)
      throw this.error('ERR_BUFFER_INDEX', device, `buffer ${index}, the highest is ${MAX_INDEX}`);
    const total = this.total(device);
    if (total !== 0 && last)
      throw this.error('ERR_BUFFER_LAST', device, `buffer ${index} is the last one, and so was ${total - 1}`);
    if (total !== 0 && index >= total)
      throw this.error('ERR_BUFFER_LAST', device, `buffer ${index} comes after the last one, ${total - 1}`);
    const highest = this.#words[this.#device(device) + HIGHEST]! >>> 0;
    if (last && index < highest)
      throw this.error(
        'ERR_BUFFER_LAST',
        device,
        `buffer ${index} is the last one, but ${highest - 1} has come`,
      );
  }

  /** A buffer that was not refused has come. */
  came(device: number, index: number, last: boolean): void {
    const at = this.#device(device);
    if (last) this.#words[at + TOTAL] = (index + 1) | 0;
    if (index >= this.#words[at + HIGHEST]! >>> 0) this.#words[at + HIGHEST] = (index + 1) | 0;
  }

  /** Buffers up to `received`, without it, have come. */
  setReceived(device: number, received: number): void {
    this.#words[this.#device(device) + RECEIVED] = received | 0;
  }

  /** The next buffer, of so many bytes, was loaded. */
  loaded(device: number, bytes: number): void {
    const at = this.#device(device);
    this.#words[at + NEXT] = (this.#words[at + NEXT]! + 1) | 0;
    addWide(this.#words, at + BYTES, bytes);
  }

  error(code: BufferError['code'], device: number, message: string): BufferError {
    return new BufferError(code, this.#titles[device]!, message);
  }

  #device(device: number): number {
    return this.#at + device * DEVICE_WORDS;
  }
}
