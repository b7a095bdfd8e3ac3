import { FsStateError, type FsStateErrorCode } from './errors.ts';

const HIGH = 2 ** 32;

/** The bytes that a name is short enough for to be decoded with a loop. */
const SHORT_NAME = 40;

/** Reads the fields of one record's payload in order, and refuses to read beyond its end. */
export class RecordFields {
  /** The whole payload. */
  readonly bytes: Uint8Array;
  readonly #section: string;
  readonly #view: DataView;
  #at = 0;

  constructor(section: string, payload: Uint8Array) {
    this.#section = section;
    this.bytes = payload;
    this.#view = new DataView(payload.buffer, payload.byteOffset, payload.length);
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

  /** An unsigned number that is below 2^53. */
  u64(field: string): number {
    const at = this.#take(8, field);
    const high = this.#view.getUint32(at + 4, true);
    if (high >= 2 ** 21) throw this.error('ERR_FS_STATE_VALUE', field, 'a number beyond 2^53');
    return high * HIGH + this.#view.getUint32(at, true);
  }

  /** A signed number between -2^53 and 2^53. */
  i64(field: string): number {
    const at = this.#take(8, field);
    const high = this.#view.getInt32(at + 4, true);
    if (high >= 2 ** 21 || high < -(2 ** 21))
      throw this.error('ERR_FS_STATE_VALUE', field, 'a number beyond 2^53');
    return high * HIGH + this.#view.getUint32(at, true);
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
    if (length > SHORT_NAME)
      return Buffer.from(this.bytes.buffer, this.bytes.byteOffset + start, length).toString('latin1');
    let name = '';
    for (let i = start; i < start + length; i++) name += String.fromCharCode(this.bytes[i]!);
    return name;
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
