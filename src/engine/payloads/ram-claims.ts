/** The memory of claims, as it travels to channel threads. */
export interface SharedClaims {
  /** Words of 32 pages in all. */
  readonly words: number;
  readonly chunkWords: number;
  readonly channels: number;
  readonly control: SharedArrayBuffer;
  readonly owners: SharedArrayBuffer;
  readonly taken: SharedArrayBuffer;
}

const CURSOR = 0;
const PASS = 1;

/**
 * Who takes which pages in a pass: channels claim chunks by an atomic cursor, and note the pages that they take from them. So
 * it can be told which pages are lost with a channel.
 */
export class RamClaims {
  readonly shared: SharedClaims;
  readonly chunks: number;
  /** Pages taken in this pass, 32 in a word. */
  readonly taken: Int32Array<SharedArrayBuffer>;
  /** For each chunk `ownerWords` words: bits of the channels that claimed it in this pass. */
  readonly owners: Int32Array<SharedArrayBuffer>;
  readonly ownerWords: number;
  readonly #control: Int32Array<SharedArrayBuffer>;

  constructor(shared: SharedClaims) {
    this.shared = shared;
    this.chunks = Math.ceil(shared.words / shared.chunkWords);
    this.taken = new Int32Array(shared.taken);
    this.owners = new Int32Array(shared.owners);
    this.ownerWords = Math.ceil(shared.channels / 32);
    this.#control = new Int32Array(shared.control);
  }

  /** Claims over `words` words of pages, of which everything is claimed: a pass has to be opened first. */
  static create(words: number, chunkWords: number, channels: number): RamClaims {
    const chunks = Math.ceil(words / chunkWords);
    const claims = new RamClaims({
      words,
      chunkWords,
      channels,
      control: new SharedArrayBuffer(8),
      owners: new SharedArrayBuffer(4 * chunks * Math.ceil(channels / 32)),
      taken: new SharedArrayBuffer(4 * words),
    });
    Atomics.store(claims.#control, CURSOR, chunks);
    return claims;
  }

  /** Begin the next pass. Returns its number, 1 for the first. */
  open(): number {
    const pass = Atomics.add(this.#control, PASS, 1) + 1;
    Atomics.store(this.#control, CURSOR, 0);
    return pass;
  }

  /** Number of the last pass that was begun, 0 before the first. */
  get pass(): number {
    return Atomics.load(this.#control, PASS);
  }

  /** Whether all chunks of this pass are claimed. */
  get exhausted(): boolean {
    return Atomics.load(this.#control, CURSOR) >= this.chunks;
  }

  /** Claim the next chunk for `channel`: its number, or -1 where there is none. */
  claim(channel: number): number {
    // Without the look first, the cursor of a pass that is over would count on and on
    if (this.exhausted) return -1;
    const chunk = Atomics.add(this.#control, CURSOR, 1);
    if (chunk >= this.chunks) return -1;
    Atomics.or(this.owners, chunk * this.ownerWords + (channel >>> 5), 1 << (channel & 31));
    return chunk;
  }

  /** Pages `bits` of word `word` were taken. */
  note(word: number, bits: number): void {
    Atomics.or(this.taken, word, bits);
  }
}
