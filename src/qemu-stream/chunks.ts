import type { Readable } from 'node:stream';
import { DeadlineError } from '../errors.ts';
import { StreamError } from './errors.ts';

/** The bytes of a connection, asked for piece by piece with a deadline for each. */
export class Chunks {
  readonly #readable: Readable;
  readonly #changed = () => this.#waiting?.();
  readonly #failed = (error: Error) => {
    this.#failure = error;
    this.#waiting?.();
  };
  #waiting: (() => void) | undefined;
  #failure: Error | undefined;

  constructor(readable: Readable) {
    this.#readable = readable;
    readable.on('readable', this.#changed).on('end', this.#changed).on('close', this.#changed);
    readable.on('error', this.#failed);
  }

  /**
   * What came next; undefined at the end. Rejects with `DeadlineError` when nothing came within `milliseconds`, with the
   * signal's reason, or with `ERR_QEMU_TRUNCATED` when the connection broke.
   */
  async next(
    milliseconds: number,
    what: string,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array | undefined> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#waiting?.();
    }, milliseconds);
    signal?.addEventListener('abort', this.#changed);
    try {
      for (;;) {
        signal?.throwIfAborted();
        const chunk: Uint8Array | null = this.#readable.read();
        if (chunk !== null) return chunk;
        if (this.#readable.readableEnded) return undefined;
        if (this.#failure !== undefined || this.#readable.destroyed)
          throw new StreamError(
            'ERR_QEMU_TRUNCATED',
            'connection',
            `broke: ${this.#failure?.message ?? 'it was closed'}`,
          );
        if (late) throw new DeadlineError(what, milliseconds);
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#waiting = resolve;
        await promise;
      }
    } finally {
      this.#waiting = undefined;
      signal?.removeEventListener('abort', this.#changed);
      clearTimeout(timer);
    }
  }
}
