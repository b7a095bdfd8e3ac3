import { QmpProtocolError } from './errors.ts';

const NEWLINE = 0x0a;

/** Cuts a byte stream into lines. A line longer than the limit is refused before it is held in memory. */
export class LineSplitter {
  readonly #limit: number;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true });
  #parts: Buffer[] = [];
  #held = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes of a line whose end has not come yet. */
  get pending(): number {
    return this.#held;
  }

  /** The lines that end within `chunk`, without their line ends; empty lines are left out. */
  *push(chunk: Buffer): Generator<string, void, void> {
    let from = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, from);
      const piece = chunk.subarray(from, end < 0 ? chunk.length : end);
      if (this.#held + piece.length > this.#limit)
        throw new QmpProtocolError(`A line has more than ${this.#limit} bytes, the most that is taken`);
      if (piece.length > 0) this.#parts.push(piece);
      this.#held += piece.length;
      if (end < 0) return;
      const line = this.#take();
      if (line !== '') yield line;
      from = end + 1;
    }
  }

  #take(): string {
    const bytes = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#held = 0;
    try {
      return this.#decoder.decode(bytes).trim();
    } catch (cause) {
      throw new QmpProtocolError(`A line of ${bytes.length} bytes is not UTF-8`, { cause });
    }
  }
}
