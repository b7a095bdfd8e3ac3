import { FsStateError, type FsStateErrorCode } from './errors.ts';

const HIGH = 2 ** 32;

/** Reads the fields of one record's payload in order, and refuses to read beyond its end. */
export class RecordFields {
  /** The whole payload. */
  readonly bytes: Uint8Array;
  readonly #section: string;
  readonly #view: DataView;
  readonly #text: Buffer;
  #at = 0;

  constructor(section: string, payload: Uint8Array) {
    this.#section = section;
    this.bytes = payload;
    this.#view = new DataView(payload.buffer, payload.byteOffset, payload.length);
    this.#text = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
  }

  /** Where the next field begins, in bytes. */
  get at(): number {
    return this.#at;
  }

  /** Bytes that are left. */
  get remaining(): number {
    return this.bytes.length - this.#at;
  }

  u8(field: string): number {
    return this.#view.getUint8(this.#take(1, field));
  }

  u32(field: string): number {
    return this.#view.getUint32(this.#take(4, field), true);
  }

  /** An unsigned number that is below 2^53. Small ones are not computed, so that they stay small integers in memory. */
  u64(field: string): number {
    const at = this.#take(8, field);
    const high = this.#view.getUint32(at + 4, true);
    const low = this.#view.getUint32(at, true);
    if (high === 0) return low;
    if (high >= 2 ** 21) throw this.error('ERR_FS_STATE_VALUE', field, 'a number beyond 2^53');
    return high * HIGH + low;
  }

  /** A signed number between -2^53 and 2^53. */
  i64(field: string): number {
    const at = this.#take(8, field);
    const high = this.#view.getInt32(at + 4, true);
    const low = this.#view.getUint32(at, true);
    if (high === 0) return low;
    if (high >= 2 ** 21 || high < -(2 ** 21))
      throw this.error('ERR_FS_STATE_VALUE', field, 'a number beyond 2^53');
    return high * HIGH + low;
  }

  big(field: string): bigint {
    return this.#view.getBigUint64(this.#take(8, field), true);
  }

  /** A field that must be 0. */
  zero(field: string): void {
    const value = this.u32(field);
    if (value !== 0) throw this.error('ERR_FS_STATE_VALUE', field, `${value}, expected 0`);
  }

  /** `length` bytes as one character each. */
  name(length: number, field: string): string {
    const start = this.#take(length, field);
    return this.#text.toString('latin1', start, start + length);
  }

  /** A view on the next `length` bytes. */
  view(length: number, field: string): Uint8Array {
    const start = this.#take(length, field);
    return this.bytes.subarray(start, start + length);
  }

  /** The error that says what is wrong with the field just read. */
  error(code: FsStateErrorCode, field: string, message: string): FsStateError {
    return new FsStateError(code, `${this.#section}.${field}`, message, this.#at);
  }

  #take(length: number, field: string): number {
    const at = this.#at;
    if (at + length > this.bytes.length)
      throw this.error(
        'ERR_FS_STATE_LENGTH',
        field,
        `${this.bytes.length - at} bytes are left in the record, expected ${length}`,
      );
    this.#at = at + length;
    return at;
  }
}
