/** Below this many bytes a loop is faster than calling out of the engine's compiled code. */
const LOOP_LIMIT = 24;

/** Releases of Node that Ferry runs on cut larger offsets of `copyNatively` to 32 bits. */
const COPY_LIMIT = 2 ** 32;

const copyNatively = Buffer.prototype.copy;

/** Copy `length` bytes of `from`, from `fromAt` on, to `toAt` in `to`. Allocates nothing below 4 GiB. */
export function copyBytes(
  from: Uint8Array,
  fromAt: number,
  to: Uint8Array,
  toAt: number,
  length: number,
): void {
  if (length < LOOP_LIMIT) for (let i = 0; i < length; i++) to[toAt + i] = from[fromAt + i]!;
  else if (Math.max(fromAt, toAt) + length < COPY_LIMIT)
    copyNatively.call(from, to, toAt, fromAt, fromAt + length);
  else to.set(from.subarray(fromAt, fromAt + length), toAt);
}
