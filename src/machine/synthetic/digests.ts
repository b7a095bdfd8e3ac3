import { hash } from 'node:crypto';
import { viewMemory } from '../../sys/index.ts';

/** Bytes that one digest is about. */
export const PIECE_BYTES = 2 ** 20;

/** Bytes of a digest: SHA-256. */
export const DIGEST_BYTES = 32;

/** Digests of `length` bytes, piece by piece, one behind the other. `read` gives the bytes of a piece. */
export function digestPieces(
  length: number,
  read: (offset: number, length: number) => Uint8Array,
): Uint8Array<ArrayBuffer> {
  const pieces = Math.ceil(length / PIECE_BYTES);
  const digests = new Uint8Array(pieces * DIGEST_BYTES);
  for (let i = 0; i < pieces; i++) {
    const offset = i * PIECE_BYTES;
    const bytes = read(offset, Math.min(PIECE_BYTES, length - offset));
    digests.set(hash('sha256', bytes, 'buffer'), i * DIGEST_BYTES);
  }
  return digests;
}

/** Digests of the memory at `address`, which has to stay mapped meanwhile. */
export function digestMemory(address: number, length: number): Uint8Array<ArrayBuffer> {
  return digestPieces(length, (offset, piece) => viewMemory(address + offset, piece));
}

/** Pieces whose digests differ, by number; where one list is longer, all that it has more. */
export function differingPieces(one: Uint8Array, other: Uint8Array): number[] {
  const pieces = Math.max(one.length, other.length) / DIGEST_BYTES;
  return Array.from({ length: pieces }, (_, i) => i).filter((i) => {
    const [from, to] = [i * DIGEST_BYTES, (i + 1) * DIGEST_BYTES];
    return Buffer.compare(one.subarray(from, to), other.subarray(from, to)) !== 0;
  });
}
