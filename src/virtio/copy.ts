/** Below this many bytes a loop is faster than calling out of the engine's compiled code. */
const LOOP_LIMIT = 24;

const copyNatively = Buffer.prototype.copy;

/** Copy `length` bytes of `from`, from `fromAt` on, to `toAt` in `to`. Makes no view: allocates nothing. */
export function copyBytes(
  from: Uint8Array,
  fromAt: number,
  to: Uint8Array,
  toAt: number,
  length: number,
): void {
  if (length < LOOP_LIMIT) for (let i = 0; i < length; i++) to[toAt + i] = from[fromAt + i]!;
  else copyNatively.call(from, to, toAt, fromAt, fromAt + length);
}
