import { FerryError } from '../../errors.ts';
import { closeAll, createMemfd, type Mapping, mapShared, pageRound } from '../../sys/index.ts';
import { FrontEndRequest } from '../constants.ts';
import { logPayload } from '../payloads.ts';
import type { Channel } from './channel.ts';

const LOG_PAGE = 4096;
const BITS_PER_BYTE = 8;

/** The dirty log that a back end writes to: a bit for each page of 4096 bytes, from guest address 0 on. */
export class SharedLog implements Disposable {
  readonly #mapping: Mapping;
  readonly #words: Uint32Array;

  /** A log for guest addresses below `end`, given to the back end (SET_LOG_BASE). */
  constructor(channel: Channel, end: number) {
    const size = pageRound(Math.ceil(end / LOG_PAGE / BITS_PER_BYTE));
    using fd = createMemfd('dirty log', size);
    this.#mapping = mapShared(fd, 0, size);
    this.#words = new Uint32Array(this.#mapping.buffer, 0, size >> 2);
    try {
      // Back ends answer with 0 bytes, 8 or 16, and none of those bytes means anything
      const reply = channel.ask(FrontEndRequest.SET_LOG_BASE, logPayload.encode({ size, offset: 0 }), [fd]);
      closeAll(reply.fds);
    } catch (error) {
      this.#mapping[Symbol.dispose]();
      throw error;
    }
  }

  /** The first guest address that it has no bit for. */
  get end(): number {
    return this.#words.length * 4 * BITS_PER_BYTE * LOG_PAGE;
  }

  /** What was marked since the last time, a bit each; nothing is lost between two calls. */
  collect(): Uint8Array {
    const words = this.#words;
    const dirty = Uint32Array.from(words, (_, i) => Atomics.exchange(words, i, 0));
    return new Uint8Array(dirty.buffer);
  }

  /** A log for guest addresses below `end`, with what is marked in this one, which is given back. */
  renewed(channel: Channel, end: number): SharedLog {
    const next = new SharedLog(channel, end);
    const dirty = this.collect();
    const words = new Uint32Array(dirty.buffer, 0, Math.min(this.#words.length, next.#words.length));
    for (const [i, word] of words.entries()) if (word !== 0) Atomics.or(next.#words, i, word);
    this[Symbol.dispose]();
    return next;
  }

  [Symbol.dispose](): void {
    this.#mapping[Symbol.dispose]();
  }
}

/** `ERR_NO_LOG` for a log that is wanted and not there. */
export function noLog(): FerryError {
  return new FerryError('ERR_NO_LOG', 'Dirty pages can only be collected while they are logged');
}
