import { StreamError } from './errors.ts';
import type { Steps } from './events.ts';

const NOTHING = new Uint8Array(0);

/** Bytes that come in pieces. What is not read yet stays; a view that was taken holds until the next piece is fed. */
export class StreamInput {
  #bytes: Uint8Array = NOTHING;
  #view: DataView = new DataView(NOTHING.buffer);
  #at = 0;
  /** Offset in the stream of the first byte of `#bytes`. */
  #base = 0;
  ended = false;

  /** Bytes that are there and not read. */
  get available(): number {
    return this.#bytes.length - this.#at;
  }

  /** Bytes read so far. */
  get offset(): number {
    return this.#base + this.#at;
  }

  /** Add the next bytes of the stream, which belong to this input from now on. */
  feed(chunk: Uint8Array): void {
    const left = this.available;
    this.#base += this.#at;
    this.#at = 0;
    this.#bytes = left === 0 ? chunk : Buffer.concat([this.#bytes.subarray(-left), chunk]);
    this.#view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length);
  }

  /** Wait until `length` bytes of `field` are there. */
  *need(length: number, field: string): Steps {
    while (this.available < length) {
      if (this.ended)
        throw new StreamError(
          'ERR_QEMU_TRUNCATED',
          field,
          `the stream ended after ${this.available} of ${length} bytes`,
          this.offset,
        );
      yield undefined;
    }
  }

  /** The byte `ahead` bytes from here, which must be there. */
  peek(ahead: number): number {
    return this.#view.getUint8(this.#at + ahead);
  }

  /** The u32 `ahead` bytes from here, which must be there. */
  peekU32(ahead: number): number {
    return this.#view.getUint32(this.#at + ahead);
  }

  u8(): number {
    this.#at++;
    return this.#view.getUint8(this.#at - 1);
  }

  u16(): number {
    this.#at += 2;
    return this.#view.getUint16(this.#at - 2);
  }

  u32(): number {
    this.#at += 4;
    return this.#view.getUint32(this.#at - 4);
  }

  /** A u64 that is a length or an address; refused from 2^53 on. */
  u64(field: string): number {
    const high = this.u32();
    const low = this.u32();
    if (high >= 2 ** 21)
      throw new StreamError(
        'ERR_QEMU_LIMIT',
        field,
        `0x${high.toString(16)}${low.toString(16).padStart(8, '0')} is beyond 2^53`,
        this.offset - 8,
      );
    return high * 2 ** 32 + low;
  }

  /** The next `length` bytes, which must be there. */
  take(length: number): Uint8Array {
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** Wait for `length` bytes of text and read them; only printable ASCII is a name. */
  *name(length: number, field: string): Steps<string> {
    yield* this.need(length, field);
    const offset = this.offset;
    const bytes = this.take(length);
    if (length === 0 || bytes.some((byte) => byte < 0x20 || byte > 0x7e))
      throw new StreamError(
        'ERR_QEMU_STREAM',
        field,
        `${length === 0 ? 'is empty' : `${Buffer.from(bytes.subarray(0, 32)).toString('hex')} is no name`}`,
        offset,
      );
    return Buffer.from(bytes).toString('latin1');
  }
}
