/**
 * Names are any bytes but NUL and slash, in no particular encoding. They are kept as strings with one character per
 * byte, because those are compact and need no object of their own.
 */

const FNV_BASIS = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** Differs from process to process, so that a guest cannot prepare names that all fall into one bucket. */
const seed = (FNV_BASIS ^ Math.floor(Math.random() * 2 ** 32)) | 0;

/** A hash of `length` bytes from `start`, 30 bits wide. */
export function hashBytes(bytes: Uint8Array, start: number, length: number): number {
  let hash = seed;
  for (let i = start; i < start + length; i++) hash = Math.imul(hash ^ bytes[i]!, FNV_PRIME);
  return (hash ^ (hash >>> 15)) & 0x3fffffff;
}

/** The hash of a name that is a string already: the same as of its bytes. */
export function hashName(name: string): number {
  let hash = seed;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), FNV_PRIME);
  return (hash ^ (hash >>> 15)) & 0x3fffffff;
}

/** Whether `name` is the same as the `length` bytes from `start`. */
export function equalsBytes(name: string, bytes: Uint8Array, start: number, length: number): boolean {
  if (name.length !== length) return false;
  for (let i = 0; i < length; i++) if (name.charCodeAt(i) !== bytes[start + i]) return false;
  return true;
}

/** The name in `length` bytes from `start`. */
export function nameFromBytes(bytes: Uint8Array, start: number, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, length).toString('latin1');
}

/** Write the bytes of `name` into `into` at `at`. */
export function nameToBytes(name: string, into: Uint8Array, at: number): void {
  for (let i = 0; i < name.length; i++) into[at + i] = name.charCodeAt(i);
}
