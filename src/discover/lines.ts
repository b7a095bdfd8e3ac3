const NEWLINE = 0x0a;

/** A line without its end; `bytes` is undefined where it was longer than the limit and was passed over. */
export interface Line {
  /** From 1 on. */
  readonly number: number;
  readonly bytes: Buffer | undefined;
}

/** The lines of a stream, one at a time. Of one that is longer than `limit` nothing is kept. */
export async function* linesOf(chunks: AsyncIterable<Buffer>, limit: number): AsyncGenerator<Line> {
  let parts: Buffer[] = [];
  let held = 0;
  let number = 1;
  const take = (): Line => {
    const bytes = held > limit ? undefined : Buffer.concat(parts);
    parts = [];
    held = 0;
    return { number: number++, bytes };
  };
  for await (const chunk of chunks) {
    for (let from = 0; ; ) {
      const end = chunk.indexOf(NEWLINE, from);
      const piece = chunk.subarray(from, end < 0 ? chunk.length : end);
      held += piece.length;
      if (held > limit) parts = [];
      else if (piece.length > 0) parts.push(piece);
      if (end < 0) break;
      yield take();
      from = end + 1;
    }
  }
  if (held > 0) yield take();
}
