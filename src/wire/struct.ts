import { DecodeError } from '../errors.ts';

/** How one field lies on the wire. All numbers are little-endian. */
export interface FieldType<T> {
  /** Bytes on the wire. */
  readonly size: number;
  /** Undefined for padding, which has no value. */
  readonly read: ((view: DataView, at: number, name: string) => T) | undefined;
  readonly write: ((view: DataView, at: number, value: T) => void) | undefined;
}

export const u8: FieldType<number> = {
  size: 1,
  read: (view, at) => view.getUint8(at),
  write: (view, at, value) => view.setUint8(at, value),
};

export const u16: FieldType<number> = {
  size: 2,
  read: (view, at) => view.getUint16(at, true),
  write: (view, at, value) => view.setUint16(at, value, true),
};

export const u32: FieldType<number> = {
  size: 4,
  read: (view, at) => view.getUint32(at, true),
  write: (view, at, value) => view.setUint32(at, value, true),
};

export const u64: FieldType<bigint> = {
  size: 8,
  read: (view, at) => view.getBigUint64(at, true),
  write: (view, at, value) => view.setBigUint64(at, value, true),
};

/** A u64 that is an address, a length or an offset: a plain number, refused from 2^53 on. */
export const address: FieldType<number> = {
  size: 8,
  read: (view, at, name) => {
    const value = view.getBigUint64(at, true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER))
      throw new DecodeError('ERR_NUMBER_TOO_LARGE', name, `0x${value.toString(16)} is beyond 2^53`, at);
    return Number(value);
  },
  write: (view, at, value) => view.setBigUint64(at, BigInt(value), true),
};

/** Bytes without a meaning: written as zeroes, ignored when read. */
export function padding(size: number): FieldType<never> {
  return { size, read: undefined, write: undefined };
}

type Fields = Record<string, FieldType<number> | FieldType<bigint> | FieldType<never>>;

/** The value of a struct: one property for each field that is not padding. */
export type StructValue<F extends Fields> = {
  [K in keyof F as F[K] extends FieldType<never> ? never : K]: F[K] extends FieldType<infer T> ? T : never;
};

/** A fixed layout of fields, in order, without gaps. */
export interface Struct<F extends Fields> {
  readonly name: string;
  /** Bytes on the wire. */
  readonly size: number;
  /** Where each field that has a value begins, in bytes: for readers that pick single fields in a hot path. */
  readonly offsets: { readonly [K in keyof StructValue<F>]: number };
  /** Read the fields from `bytes` at `at`. Throws `ERR_TRUNCATED` where the bytes end too early. */
  decode(bytes: Uint8Array, at?: number): StructValue<F>;
  /** Write `value` into `into` at `at`. */
  encodeInto(value: StructValue<F>, into: Uint8Array, at?: number): void;
  /** `value` as bytes of its own. */
  encode(value: StructValue<F>): Uint8Array;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Declare a layout: `struct('vring state', { index: u32, num: u32 })`. For control messages, not for hot paths. */
export function struct<F extends Fields>(name: string, fields: F): Struct<F> {
  const entries = Object.entries(fields);
  const places: Record<string, number> = {};
  let size = 0;
  for (const [key, field] of entries) {
    if (field.read !== undefined) places[key] = size;
    size += field.size;
  }
  const offsets = Object.freeze(places) as Struct<F>['offsets'];

  function decode(bytes: Uint8Array, at = 0): StructValue<F> {
    if (at + size > bytes.length)
      throw new DecodeError(
        'ERR_TRUNCATED',
        name,
        `${Math.max(0, bytes.length - at)} bytes, expected ${size}`,
        at,
      );
    const view = viewOf(bytes);
    const value: Record<string, number | bigint> = {};
    let offset = at;
    for (const [key, field] of entries) {
      if (field.read !== undefined) value[key] = field.read(view, offset, `${name}.${key}`);
      offset += field.size;
    }
    return value as StructValue<F>;
  }

  function encodeInto(value: StructValue<F>, into: Uint8Array, at = 0): void {
    if (at + size > into.length)
      throw new RangeError(`${name} takes ${size} bytes at ${at}, there are ${into.length}`);
    const view = viewOf(into);
    const values = value as Record<string, number | bigint>;
    let offset = at;
    for (const [key, field] of entries) {
      if (field.write === undefined) into.fill(0, offset, offset + field.size);
      else (field as FieldType<number | bigint>).write?.(view, offset, values[key]!);
      offset += field.size;
    }
  }

  function encode(value: StructValue<F>): Uint8Array {
    const bytes = new Uint8Array(size);
    encodeInto(value, bytes);
    return bytes;
  }

  return { name, size, offsets, decode, encodeInto, encode };
}
