import { DecodeError } from '../../../errors.ts';

/** Takes values out of a message's body, front to back. Big-endian. Throws `DecodeError` where the body does not hold. */
export class BodyReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #name: string;
  #at = 0;

  constructor(name: string, bytes: Uint8Array) {
    this.#name = name;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Claim `size` bytes for `field`. Where they begin. */
  take(field: string, size: number): number {
    const at = this.#at;
    const left = this.#bytes.length - at;
    if (size > left) throw this.wrong(field, `${left} bytes left, expected ${size}`, at, 'ERR_TRUNCATED');
    this.#at += size;
    return at;
  }

  uint(field: string, size: 1 | 2 | 4 | 8): number {
    const at = this.take(field, size);
    if (size === 1) return this.#view.getUint8(at);
    if (size === 2) return this.#view.getUint16(at);
    if (size === 4) return this.#view.getUint32(at);
    const value = this.#view.getBigUint64(at);
    if (value > BigInt(Number.MAX_SAFE_INTEGER))
      throw this.wrong(field, `0x${value.toString(16)} is beyond 2^53`, at, 'ERR_NUMBER_TOO_LARGE');
    return Number(value);
  }

  bytes(field: string, size: number): Uint8Array {
    const at = this.take(field, size);
    return new Uint8Array(this.#bytes.subarray(at, at + size));
  }

  /** Nothing may be left. */
  end(): void {
    const left = this.#bytes.length - this.#at;
    if (left > 0) throw this.wrong('end', `${left} bytes after the last field`, this.#at, 'ERR_TRAILING');
  }

  wrong(field: string, what: string, at: number = this.#at, code = 'ERR_CONTROL_FIELD'): DecodeError {
    return new DecodeError(code, `${this.#name}.${field}`, what, at);
  }
}

/** Puts values together to a body. */
export class BodyWriter {
  readonly #pieces: Uint8Array[] = [];

  uint(value: number, size: 1 | 2 | 4 | 8): void {
    const piece = Buffer.alloc(size);
    if (size === 8) piece.writeBigUInt64BE(BigInt(value));
    else piece.writeUIntBE(value, 0, size);
    this.#pieces.push(piece);
  }

  bytes(piece: Uint8Array): void {
    this.#pieces.push(piece);
  }

  finish(): Uint8Array {
    return Buffer.concat(this.#pieces);
  }
}

/** How one value lies in a body. */
export interface Field<T> {
  read(from: BodyReader, name: string): T;
  write(into: BodyWriter, value: T): void;
}

/** The value of a field. */
export type ValueOf<F> = F extends Field<infer T> ? T : never;

function uint(size: 1 | 2 | 4 | 8): Field<number> {
  return {
    read: (from, name) => from.uint(name, size),
    write: (into, value) => into.uint(value, size),
  };
}

export const u8 = uint(1);
export const u16 = uint(2);
export const u32 = uint(4);
/** A plain number, refused from 2^53 on. */
export const u64 = uint(8);

/** Whether something is so: 1 or 0. */
export const flag: Field<boolean> = {
  read(from, name) {
    const value = from.uint(name, 1);
    if (value > 1) throw from.wrong(name, `${value}, expected 0 or 1`);
    return value === 1;
  },
  write: (into, value) => into.uint(value ? 1 : 0, 1),
};

/** `size` bytes. */
export function raw(size: number): Field<Uint8Array> {
  return {
    read: (from, name) => from.bytes(name, size),
    write: (into, value) => into.bytes(value),
  };
}

/** UTF-8 of at most `max` bytes behind a u16 with its length. What is longer is cut off when it is written. */
export function text(max: number): Field<string> {
  return {
    read(from, name) {
      const length = from.uint(name, 2);
      if (length > max) throw from.wrong(name, `a text of ${length} bytes, at most ${max} are allowed`);
      const bytes = from.bytes(name, length);
      try {
        return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
      } catch (_notUtf8) {
        throw from.wrong(name, 'bytes that are no UTF-8');
      }
    },
    write(into, value) {
      const bytes = cut(Buffer.from(value), max);
      into.uint(bytes.length, 2);
      into.bytes(bytes);
    },
  };
}

/** At most `max` bytes of UTF-8, with no character cut in two. */
function cut(bytes: Uint8Array, max: number): Uint8Array {
  if (bytes.length <= max) return bytes;
  let end = max;
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end);
}

/** One of `names`, as its place among them counted from 1. */
export function oneOf<const N extends string>(...names: readonly N[]): Field<N> {
  return {
    read(from, name) {
      const value = from.uint(name, 1);
      const found = names[value - 1];
      if (found === undefined) throw from.wrong(name, `${value}, known are 1 to ${names.length}`);
      return found;
    },
    write: (into, value) => into.uint(names.indexOf(value) + 1, 1),
  };
}

/** At most `max` values behind a u16 with their count. */
export function list<T>(of: Field<T>, max: number): Field<readonly T[]> {
  return {
    read(from, name) {
      const count = from.uint(name, 2);
      if (count > max) throw from.wrong(name, `${count} entries, at most ${max} are allowed`);
      return Array.from({ length: count }, (_, i) => of.read(from, `${name}[${i}]`));
    },
    write(into, values) {
      into.uint(values.length, 2);
      for (const value of values) of.write(into, value);
    },
  };
}

/** The value of a record: a property for each field. */
export type RecordOf<S> = { readonly [K in keyof S]: ValueOf<S[K]> };

/** Fields one after the other. */
export function record<const S extends Readonly<Record<string, Field<unknown>>>>(
  shape: S,
): Field<RecordOf<S>> {
  const entries = Object.entries(shape);
  return {
    read(from, name) {
      const value: Record<string, unknown> = {};
      for (const [key, field] of entries) value[key] = field.read(from, name === '' ? key : `${name}.${key}`);
      return value as RecordOf<S>;
    },
    write(into, value) {
      for (const [key, field] of entries) field.write(into, value[key]);
    },
  };
}
