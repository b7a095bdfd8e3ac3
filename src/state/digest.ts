import { createHash } from 'node:crypto';
import { DIGEST_SIZE } from './frame.ts';
import { HEADER_SIZE } from './limits.ts';

const BATCH = 64;

/** SHA-256 over the headers of all frames, collected so that the hash is called once for many. */
export class HeaderDigest {
  readonly #hash = createHash('sha256');
  readonly #pending = new Uint8Array(BATCH * HEADER_SIZE);
  #count = 0;

  /** Take the header at `at` of `bytes`, its checksum in place. */
  add(bytes: Uint8Array, at: number): void {
    const to = this.#count * HEADER_SIZE;
    for (let i = 0; i < HEADER_SIZE; i++) this.#pending[to + i] = bytes[at + i]!;
    if (++this.#count === BATCH) this.#flush();
  }

  /** The digest; nothing can be added afterwards. */
  finish(): Uint8Array {
    this.#flush();
    return new Uint8Array(this.#hash.digest());
  }

  #flush(): void {
    this.#hash.update(this.#pending.subarray(0, this.#count * HEADER_SIZE));
    this.#count = 0;
  }
}

/** Whether the closing's digest, at `at` of `payload`, is `expected`. */
export function digestMatches(payload: Uint8Array, at: number, expected: Uint8Array): boolean {
  for (let i = 0; i < DIGEST_SIZE; i++) if (payload[at + i] !== expected[i]) return false;
  return true;
}
