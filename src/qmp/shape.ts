import { DecodeError } from '../errors.ts';

/** Checks a value from the wire and returns it as `T`, or throws a `DecodeError` that names `field`. */
export type Shape<T> = (value: unknown, field: string) => T;

/** An enumeration to which a later QEMU may add: known values complete in an editor, others are let through. */
export type Open<T extends string> = T | (string & Record<never, never>);

/** The arguments of a command that takes none. */
export type NoArguments = Record<never, never>;

/** A member that may be left out. */
interface Optional<T> {
  readonly optional: Shape<T>;
}

type Fields<T> = {
  readonly [K in keyof T]-?: Record<never, never> extends Pick<T, K> ? Optional<T[K]> : Shape<T[K]>;
};

function describe(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return value === undefined ? 'nothing' : `a ${typeof value}`;
}

function mismatch(field: string, expected: string, value: unknown): DecodeError {
  return new DecodeError('ERR_QMP_SHAPE', field, `${describe(value)} where ${expected} belongs`);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export const text: Shape<string> = (value, field) => {
  if (typeof value !== 'string') throw mismatch(field, 'a string', value);
  return value;
};

/** A whole number. Above 2^53 the value is the nearest double, which no size or time that Ferry reads comes near. */
export const integer: Shape<number> = (value, field) => {
  if (typeof value !== 'number' || !Number.isInteger(value)) throw mismatch(field, 'an integer', value);
  return value;
};

export const real: Shape<number> = (value, field) => {
  if (typeof value !== 'number') throw mismatch(field, 'a number', value);
  return value;
};

export const flag: Shape<boolean> = (value, field) => {
  if (typeof value !== 'boolean') throw mismatch(field, 'a boolean', value);
  return value;
};

export const nothing: Shape<null> = (value, field) => {
  if (value !== null) throw mismatch(field, 'null', value);
  return value;
};

export const anything: Shape<unknown> = (value) => value;

/** The result of a command that returns nothing: an object whose members, if any, are of no interest. */
export const empty: Shape<void> = (value, field) => {
  if (!isRecord(value)) throw mismatch(field, 'an object', value);
};

export function open<T extends string>(): Shape<Open<T>> {
  return text;
}

export function list<T>(of: Shape<T>): Shape<T[]> {
  return (value, field) => {
    if (!Array.isArray(value)) throw mismatch(field, 'an array', value);
    return value.map((item, index) => of(item, `${field}[${index}]`));
  };
}

export function optional<T>(shape: Shape<T>): Optional<T> {
  return { optional: shape };
}

export function lazy<T>(shape: () => Shape<T>): Shape<T> {
  return (value, field) => shape()(value, field);
}

/** The first of `shapes` that fits. */
export function anyOf<T extends readonly unknown[]>(
  ...shapes: { readonly [I in keyof T]: Shape<T[I]> }
): Shape<T[number]> {
  return (value, field) => {
    for (const shape of shapes) {
      try {
        return shape(value, field);
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
      }
    }
    throw mismatch(field, `one of ${shapes.length} other types`, value);
  };
}

/** An object with these members. Members that are not listed are left out: a later QEMU may send more. */
export function object<T>(fields: Fields<T>): Shape<T> {
  const entries = Object.entries<Shape<unknown> | Optional<unknown>>(fields);
  return (value, field) => {
    if (!isRecord(value)) throw mismatch(field, 'an object', value);
    const result: Record<string, unknown> = {};
    for (const [name, shape] of entries) {
      if (typeof shape === 'function') result[name] = shape(value[name], `${field}.${name}`);
      else if (value[name] !== undefined) result[name] = shape.optional(value[name], `${field}.${name}`);
    }
    // Every member of T has just been checked by its own shape.
    return result as T;
  };
}
