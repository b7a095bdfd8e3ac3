import { MAX_PAYLOAD, type RecordWriter, type Section } from '../../../state/index.ts';

const HIGH = 2 ** 32;

const MOST = Number.MAX_SAFE_INTEGER;

/**
 * Collects entries of one section and writes a record whenever the next entry would not fit. 64-bit numbers, with a sign
 * or without, end where exact ones do: what a guest has set beyond, such as a time or a position, becomes that.
 */
export class RecordBatch {
  readonly #records: RecordWriter;
  readonly #section: Section;
  readonly #bytes = new Uint8Array(MAX_PAYLOAD);
  readonly #view = new DataView(this.#bytes.buffer);
  #at = 0;

  constructor(records: RecordWriter, section: Section) {
    this.#records = records;
    this.#section = section;
  }

  /** Begin an entry of `size` bytes. */
  begin(size: number): void {
    if (this.#at + size > MAX_PAYLOAD) this.flush();
  }

  u8(value: number): void {
    this.#bytes[this.#at++] = value;
  }

  u32(value: number): void {
    this.#view.setUint32(this.#at, value, true);
    this.#at += 4;
  }

  u64(number: number): void {
    const value = Math.max(-MOST, Math.min(number, MOST));
    const high = Math.floor(value / HIGH);
    this.#view.setUint32(this.#at, value - high * HIGH, true);
    this.#view.setInt32(this.#at + 4, high, true);
    this.#at += 8;
  }

  big(value: bigint): void {
    this.#view.setBigUint64(this.#at, value, true);
    this.#at += 8;
  }

  /** The characters of `name`, one byte each. */
  name(name: string): void {
    for (let i = 0; i < name.length; i++) this.#bytes[this.#at++] = name.charCodeAt(i);
  }

  data(data: Uint8Array): void {
    this.#bytes.set(data, this.#at);
    this.#at += data.length;
  }

  /** Write what was collected, if anything. */
  flush(): void {
    if (this.#at > 0) this.#records.write(this.#section, this.#bytes.subarray(0, this.#at));
    this.#at = 0;
  }
}
