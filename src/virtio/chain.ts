import type { DirtyLog } from '../memory/index.ts';
import { copyBytes } from './copy.ts';
import { type SegmentSource, Segments } from './segments.ts';

const WORD = 2 ** 32;

/** Descriptors of a packed queue's ring that a chain has room for at first. */
const FIRST_TAKEN = 8;

/** A position within segments. */
class Cursor {
  readonly segments: Segments;
  protected index = 0;
  protected within = 0;
  protected at = 0;

  constructor(segments: Segments) {
    this.segments = segments;
  }

  /** Bytes in the whole direction of the chain. */
  get length(): number {
    return this.segments.total;
  }

  /** Bytes from the start to where the cursor stands. */
  get position(): number {
    return this.at;
  }

  /** Bytes from where the cursor stands to the end. */
  get remaining(): number {
    return this.segments.total - this.at;
  }

  /**
   * Describe up to `length` bytes from the present position to the kernel: one struct iovec of four words for each piece,
   * at most `most` of them, from `words[0]` on. Returns how many, or -1 where a piece lies in no mapped memory.
   */
  fillVectors(words: Uint32Array, most: number, length: number): number {
    const { segments } = this;
    segments.validate();
    let left = Math.min(length, segments.total - this.at);
    let { within } = this;
    let count = 0;
    for (let index = this.index; left > 0 && count < most; index++) {
      const { address } = segments.ranges[index]!;
      if (address === undefined) return -1;
      const piece = Math.min(left, segments.lengths[index]! - within);
      const start = address + segments.offsets[index]! + within;
      const at = count * 4;
      words[at] = start;
      words[at + 1] = start / WORD;
      words[at + 2] = piece;
      words[at + 3] = 0;
      left -= piece;
      within = 0;
      count++;
    }
    return count;
  }

  /** Go to `position` (clamped to the length). */
  protected moveTo(position: number): void {
    const { segments } = this;
    let left = Math.min(position, segments.total);
    this.at = left;
    this.index = 0;
    while (this.index < segments.count && left >= segments.lengths[this.index]!)
      left -= segments.lengths[this.index++]!;
    this.within = left;
  }

  protected step(length: number): void {
    this.at += length;
    this.within += length;
    if (this.within === this.segments.lengths[this.index]) {
      this.index++;
      this.within = 0;
    }
  }
}

/** Reads the device-readable part of a descriptor chain in order, wherever its pieces lie in guest memory. */
export class ChainReader extends Cursor {
  /**
   * Copy the next `length` bytes to `into` from `at` on. Returns how many there were: fewer at the end of the chain.
   * `words` is a view on all of `into` by words; with it small pieces are copied faster.
   */
  read(into: Uint8Array, at = 0, length = into.length - at, words?: Uint32Array): number {
    const { segments } = this;
    segments.validate();
    const wanted = Math.min(length, segments.total - this.at);
    let done = 0;
    while (done < wanted) {
      const piece = Math.min(wanted - done, segments.lengths[this.index]! - this.within);
      const from = segments.ranges[this.index]!;
      const start = segments.offsets[this.index]! + this.within;
      copyBytes(from.bytes, start, into, at + done, piece, from.words, words);
      this.step(piece);
      done += piece;
    }
    return done;
  }

  /** Pass over the next `length` bytes, at most to the end. Returns how many. */
  skip(length: number): number {
    const before = this.at;
    this.moveTo(before + length);
    return this.at - before;
  }

  /** Go to `position`, at most to the end. */
  seek(position: number): void {
    this.moveTo(position);
  }

  /** Go back to the first byte. */
  rewind(): void {
    this.index = 0;
    this.within = 0;
    this.at = 0;
  }
}

/**
 * Writes the device-writable part of a descriptor chain. `written` becomes the used length that the driver sees: the
 * end of what was written, counted from the first byte.
 */
export class ChainWriter extends Cursor {
  #written = 0;
  #touched = 0;

  /** Bytes from the first one to the end of what was written: what the driver is told. */
  get written(): number {
    return this.#written;
  }

  /** Bytes from the first one to the end of whatever was ever written to, rewound or not: what is logged as dirty. */
  get touched(): number {
    return this.#touched;
  }

  /**
   * Copy `length` bytes of `from`, from `at` on, into the chain. Returns how many fitted. `words` is a view on all of
   * `from` by words; with it small pieces are copied faster.
   */
  write(from: Uint8Array, at = 0, length = from.length - at, words?: Uint32Array): number {
    const { segments } = this;
    segments.validate();
    const wanted = Math.min(length, segments.total - this.at);
    let done = 0;
    while (done < wanted) {
      const piece = Math.min(wanted - done, segments.lengths[this.index]! - this.within);
      const to = segments.ranges[this.index]!;
      const start = segments.offsets[this.index]! + this.within;
      copyBytes(from, at + done, to.bytes, start, piece, words, to.words);
      this.step(piece);
      done += piece;
    }
    this.#extend();
    return done;
  }

  /** Write `length` bytes of value `byte`. Returns how many fitted. */
  fill(byte: number, length: number): number {
    const { segments } = this;
    segments.validate();
    const wanted = Math.min(length, segments.total - this.at);
    let done = 0;
    while (done < wanted) {
      const piece = Math.min(wanted - done, segments.lengths[this.index]! - this.within);
      const start = segments.offsets[this.index]! + this.within;
      segments.ranges[this.index]!.bytes.fill(byte, start, start + piece);
      this.step(piece);
      done += piece;
    }
    this.#extend();
    return done;
  }

  /** The next `length` bytes have been written by somebody else: the kernel, by way of `fillVectors`. */
  advance(length: number): void {
    this.moveTo(this.at + length);
    this.#extend();
  }

  /**
   * Set the last byte of the chain, wherever the cursor stands, and leave it there. It counts as written only where all
   * bytes before it do: the driver is never told of more than is there.
   */
  putLast(byte: number): void {
    const { segments } = this;
    segments.validate();
    if (segments.total === 0) return;
    const last = segments.count - 1;
    segments.ranges[last]!.bytes[segments.offsets[last]! + segments.lengths[last]! - 1] = byte;
    if (this.#written >= segments.total - 1) this.#written = segments.total;
    this.#touched = segments.total;
  }

  /**
   * Go to `position`, at most to the end, without changing `written`: a reply whose header is known last writes its
   * body first (`seek(16)`, `write(body)`, `seek(0)`, `write(header)`).
   */
  seek(position: number): void {
    this.moveTo(position);
  }

  /** Mark everything that was ever written to as dirty in `log`. */
  markTouched(log: DirtyLog): void {
    const { segments } = this;
    let left = this.#touched;
    for (let i = 0; i < segments.count && left > 0; i++) {
      const length = Math.min(left, segments.lengths[i]!);
      log.mark(segments.guestAddress(i), length);
      left -= length;
    }
  }

  /** Back to the first byte with nothing written, so that another answer takes the place of a half-written one. */
  rewind(): void {
    this.index = 0;
    this.within = 0;
    this.at = 0;
    this.#written = 0;
  }

  /** As `rewind`, for a chain that has just been filled: nothing was touched either. */
  restart(): void {
    this.rewind();
    this.#touched = 0;
  }

  #extend(): void {
    if (this.at > this.#written) this.#written = this.at;
    if (this.at > this.#touched) this.#touched = this.at;
  }
}

/**
 * One request as the driver made it available: what the device may read, then what it may write. The object is filled
 * again for the next request; `clone` is for those that are answered later.
 */
export class DescriptorChain {
  /** What the driver knows the request by: the chain's first descriptor in a split queue, its buffer id in a packed one. */
  head = 0;
  /** Entries of a packed queue's ring that the chain takes; `descriptors` begins with copies of them, 4 words each. */
  taken = 0;
  descriptors = new Int32Array(FIRST_TAKEN * 4);
  /** Entry of a packed queue's inflight region in which the request is noted; -1 without such a region. */
  noted = -1;
  readonly readable: ChainReader;
  readonly writable: ChainWriter;

  constructor(readable = new Segments(), writable = new Segments()) {
    this.readable = new ChainReader(readable);
    this.writable = new ChainWriter(writable);
  }

  /** Empty the chain before it is filled with the request that starts at descriptor `head`. */
  clear(head: number, source?: SegmentSource): void {
    this.head = head;
    this.readable.segments.clear(source);
    this.writable.segments.clear(source);
    this.readable.rewind();
    this.writable.restart();
  }

  /** Have room for one more descriptor in `descriptors`. */
  reserve(): void {
    if (this.taken * 4 < this.descriptors.length) return;
    const larger = new Int32Array(this.descriptors.length * 2);
    larger.set(this.descriptors);
    this.descriptors = larger;
  }

  /** A chain of its own over the same memory, cursors at the start, nothing written. Allocates. */
  clone(): DescriptorChain {
    const copy = new DescriptorChain(this.readable.segments.clone(), this.writable.segments.clone());
    copy.head = this.head;
    copy.taken = this.taken;
    copy.noted = this.noted;
    copy.descriptors = this.descriptors.slice(0, Math.max(this.taken, 1) * 4);
    return copy;
  }
}
