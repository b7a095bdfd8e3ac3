/** Below this many bytes a loop is faster than calling out of the engine's compiled code. */
const LOOP_LIMIT = 24;

/** As `LOOP_LIMIT`, for a loop over words. */
const WORDS_LIMIT = 256;

/** Releases of Node that Ferry runs on cut larger offsets of `copyNatively` to 32 bits. */
const COPY_LIMIT = 2 ** 32;

const copyNatively = Buffer.prototype.copy;

/**
 * Copy `length` bytes of `from`, from `fromAt` on, to `toAt` in `to`. Allocates nothing below 4 GiB. Small pieces are
 * copied faster where there are views on both memories by words of four bytes; such memories are below 2 GiB.
 */
export function copyBytes(
  from: Uint8Array,
  fromAt: number,
  to: Uint8Array,
  toAt: number,
  length: number,
  fromWords?: Uint32Array,
  toWords?: Uint32Array,
): void {
  if (
    length <= WORDS_LIMIT &&
    fromWords !== undefined &&
    toWords !== undefined &&
    ((fromAt | toAt) & 3) === 0
  ) {
    const source = fromAt >> 2;
    const target = toAt >> 2;
    const count = length >> 2;
    for (let i = 0; i < count; i++) toWords[target + i] = fromWords[source + i]!;
    for (let i = count << 2; i < length; i++) to[toAt + i] = from[fromAt + i]!;
  } else if (length < LOOP_LIMIT) for (let i = 0; i < length; i++) to[toAt + i] = from[fromAt + i]!;
  else if (Math.max(fromAt, toAt) + length < COPY_LIMIT)
    copyNatively.call(from, to, toAt, fromAt, fromAt + length);
  else to.set(from.subarray(fromAt, fromAt + length), toAt);
}
