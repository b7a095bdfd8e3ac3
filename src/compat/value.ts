import { CompatError } from './errors.ts';
import { MAX_DIGITS, MAX_TEXT_VALUE } from './limits.ts';

/** Types of migration parameters (specification of the RFC, v3): `on`/`off`, a whole number from 0 on, bytes of text. */
export const PARAMETER_TYPES = ['bool', 'int', 'str'] as const;

export type ParameterType = (typeof PARAMETER_TYPES)[number];

/** The value of a migration parameter: `bool`, `int` and `str`, in this order. */
export type Value = boolean | bigint | string;

/** The largest `int` that is taken. */
export const LARGEST_INT = 10n ** BigInt(MAX_DIGITS) - 1n;

/** The type that `value` has. */
export function typeOf(value: Value): ParameterType {
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'bigint' ? 'int' : 'str';
}

/** The one text of `value`: `on` or `off`, decimal digits, or the text itself. */
export function formatValue(value: Value): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return typeof value === 'bigint' ? value.toString() : value;
}

const BOOLS: ReadonlyMap<string, boolean> = new Map([
  ['on', true],
  ['off', false],
  ['true', true],
  ['false', false],
  ['1', true],
  ['0', false],
]);

/** Digits without sign or leading zeroes. */
const WHOLE_NUMBER = new RegExp(`^(?:0|[1-9]\\d{0,${MAX_DIGITS - 1}})$`);

/** What `text` means for a parameter of `type`, or undefined where it is no value of that type. */
export function readValue(type: ParameterType, text: string): Value | undefined {
  if (type === 'bool') return BOOLS.get(text);
  if (type === 'int') return WHOLE_NUMBER.test(text) ? BigInt(text) : undefined;
  return isText(text) ? text : undefined;
}

/** What `text` means for the parameter `name` of `type`. Throws `ERR_COMPAT_VALUE` naming it. */
export function parseValue(name: string, type: ParameterType, text: string): Value {
  const value = readValue(type, text);
  if (value !== undefined) return value;
  throw new CompatError(
    'ERR_COMPAT_VALUE',
    name,
    `found ${JSON.stringify(text)}, expected ${EXPECTED[type]}`,
  );
}

/** What a value of each type looks like. */
export const EXPECTED: Readonly<Record<ParameterType, string>> = {
  bool: 'on or off',
  int: `a whole number of at most ${MAX_DIGITS} digits`,
  str: `text of at most ${MAX_TEXT_VALUE} bytes without newline or NUL`,
};

/** The order of names and values: that of their bytes in UTF-8. Negative where `a` comes first. */
export function compareBytes(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left === right) continue;
    // What is outside the first 65 536 characters has surrogates in UTF-16, which stand before U+E000 there
    if (left >= 0xd800 && right >= 0xd800) return rank(left) - rank(right);
    return left - right;
  }
  return a.length - b.length;
}

function rank(unit: number): number {
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;
}

function isText(text: string): boolean {
  return text.isWellFormed() && Buffer.byteLength(text) <= MAX_TEXT_VALUE && !/[\n\0]/.test(text);
}
