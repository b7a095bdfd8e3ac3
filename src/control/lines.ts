import { ControlError } from './errors.ts';
import { MAX_LINE } from './limits.ts';

const NEWLINE = 0x0a;

/** Cuts a byte stream into lines of UTF-8. A line that is too long is refused before it is held in memory. */
export class Lines {
  readonly #decoder = new TextDecoder('utf-8', { fatal: true });
  #parts: Buffer[] = [];
  #held = 0;

  /** The lines that end within `chunk`, without their ends. Throws `ERR_CONTROL_LINE`. */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    for (let from = 0; ; ) {
      const end = chunk.indexOf(NEWLINE, from);
      const piece = chunk.subarray(from, end < 0 ? chunk.length : end);
      this.#held += piece.length;
      if (this.#held > MAX_LINE)
        throw new ControlError('ERR_CONTROL_LINE', `A line has more than ${MAX_LINE} bytes`);
      this.#parts.push(piece);
      if (end < 0) return lines;
      lines.push(this.#take());
      from = end + 1;
    }
  }

  #take(): string {
    const bytes = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#held = 0;
    try {
      return this.#decoder.decode(bytes);
    } catch (cause) {
      throw new ControlError('ERR_CONTROL_LINE', `A line of ${bytes.length} bytes is not UTF-8`, { cause });
    }
  }
}
