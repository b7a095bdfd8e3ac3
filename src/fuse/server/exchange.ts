import { Errno } from '../../sys/index.ts';
import { IN_HEADER, OUT_HEADER } from '../constants.ts';
import { EXCHANGE_SCRATCH, FIRST_PIECE, NAME_MAX, REPLY_SCRATCH, REQUEST_SCRATCH } from '../limits.ts';
import { InHeader, OutHeader } from '../structs.ts';
import type { AnswerBytes, RequestBytes } from './bytes.ts';

const SLASH = 0x2f;
const DOT = 0x2e;
const WORD = 2 ** 32;

/** What an operation returns that has no ordinary reply. All others return a body length or a negative errno. */
export const Outcome = {
  /** There is no reply to this kind of request. */
  silent: -0x10000,
  /** The reply comes later. */
  later: -0x10001,
  /** The reply has been written to the chain already. */
  sent: -0x10002,
} as const;

/**
 * One request at a time, as the server sees it. Header and arguments are copied out of guest memory once and read from
 * the copy alone, so that the guest cannot change them between a check and a use. Made once, used for every request:
 * nothing is allocated.
 */
export class Exchange {
  /** Header and arguments. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The same memory. */
  readonly words: Uint32Array;
  readonly view: DataView;
  /** Header and body of the reply. */
  readonly reply: Uint8Array<ArrayBuffer>;
  /** The reply behind its header. */
  readonly body: Uint8Array;
  /** The same memory as `reply`. */
  readonly replyWords: Uint32Array;
  /** Where `bytes[0]` and `body[0]` lie, for system calls; only where the memory was given. */
  readonly address: number;
  readonly bodyAddress: number;
  /** Bytes in the request as a whole. */
  length = 0;
  opcode = 0;
  /** The node id; one beyond 2^53 is no node's, however it is rounded. */
  node = 0;
  uid = 0;
  gid = 0;
  /** Where the argument that is taken next begins in `bytes`. */
  at = 0;
  /** The name taken last: where it begins in `bytes`, and its length without the NUL. */
  nameStart = 0;
  nameLength = 0;
  readable!: RequestBytes;
  writable!: AnswerBytes;

  /** Works in `area`, of `EXCHANGE_SCRATCH` bytes, where names and values have addresses; else in memory of its own. */
  constructor(area?: { readonly bytes: Uint8Array<ArrayBuffer>; readonly address: number }) {
    const { buffer, byteOffset } = area?.bytes ?? new Uint8Array(EXCHANGE_SCRATCH);
    this.address = area?.address ?? 0;
    this.bytes = new Uint8Array(buffer, byteOffset, REQUEST_SCRATCH);
    this.words = new Uint32Array(buffer, byteOffset, REQUEST_SCRATCH / 4);
    this.view = new DataView(buffer, byteOffset, REQUEST_SCRATCH);
    this.reply = new Uint8Array(buffer, byteOffset + REQUEST_SCRATCH, REPLY_SCRATCH);
    this.replyWords = new Uint32Array(buffer, byteOffset + REQUEST_SCRATCH, REPLY_SCRATCH / 4);
    this.body = this.reply.subarray(OUT_HEADER);
    this.bodyAddress = this.address + REQUEST_SCRATCH + OUT_HEADER;
  }

  /**
   * Begin with the request in a descriptor chain. Copies the header and what follows it at once; `takeRest` copies the
   * remainder. Returns 0, or -EINVAL where the header is cut short or disagrees with the chain's length.
   */
  receive(readable: RequestBytes, writable: AnswerBytes): number {
    const { words } = this;
    this.readable = readable;
    this.writable = writable;
    this.at = IN_HEADER;
    this.length = readable.length;
    if (this.length < IN_HEADER) {
      words.fill(0, 0, IN_HEADER / 4);
      this.opcode = 0;
      return -Errno.EINVAL;
    }
    readable.read(this.bytes, 0, Math.min(this.length, FIRST_PIECE), words);
    this.opcode = words[InHeader.offsets.opcode / 4]!;
    this.node = join(words[InHeader.offsets.node / 4]!, words[InHeader.offsets.node / 4 + 1]!);
    this.uid = words[InHeader.offsets.uid / 4]!;
    this.gid = words[InHeader.offsets.gid / 4]!;
    return words[InHeader.offsets.length / 4]! === this.length ? 0 : -Errno.EINVAL;
  }

  /** Copy the rest of the request. Returns 0, or -E2BIG where it is longer than any request can be. */
  takeRest(): number {
    if (this.length <= FIRST_PIECE) return 0;
    if (this.length > REQUEST_SCRATCH) return -Errno.E2BIG;
    this.readable.read(this.bytes, FIRST_PIECE, this.length - FIRST_PIECE);
    return 0;
  }

  /** Bytes behind the header. */
  get argumentBytes(): number {
    return this.length - IN_HEADER;
  }

  /** The 32-bit argument at `offset` behind the header. */
  u32(offset: number): number {
    return this.words[(IN_HEADER + offset) >> 2]!;
  }

  /** The 64-bit argument at `offset` behind the header; from 2^53 on it is rounded. */
  u64(offset: number): number {
    const index = (IN_HEADER + offset) >> 2;
    return join(this.words[index]!, this.words[index + 1]!);
  }

  /** As `u64`, for a number with a sign. */
  i64(offset: number): number {
    const index = (IN_HEADER + offset) >> 2;
    return this.words[index]! + (this.words[index + 1]! | 0) * WORD;
  }

  /** The 64-bit argument at `offset` behind the header, exactly. */
  big(offset: number): bigint {
    return this.view.getBigUint64(IN_HEADER + offset, true);
  }

  /** The number by which the reply names the request. */
  get unique(): bigint {
    return this.view.getBigUint64(InHeader.offsets.unique, true);
  }

  /** Pass over arguments of a fixed size: `take…` goes on behind them. */
  skip(size: number): void {
    this.at += size;
  }

  /**
   * Take the name that comes next: `nameStart` and `nameLength` say where it is. Returns 0, -EINVAL where it is empty,
   * not closed by a NUL, or has a slash in it, or -ENAMETOOLONG.
   */
  takeName(): number {
    const { bytes, length } = this;
    const start = this.at;
    let end = start;
    while (end < length && bytes[end] !== 0) if (bytes[end++] === SLASH) return -Errno.EINVAL;
    if (end === length || end === start) return -Errno.EINVAL;
    if (end - start > NAME_MAX) return -Errno.ENAMETOOLONG;
    this.nameStart = start;
    this.nameLength = end - start;
    this.at = end + 1;
    return 0;
  }

  /** As `takeName`, and refuse `.` and `..` with -EINVAL. */
  takeNewName(): number {
    const error = this.takeName();
    return error === 0 && this.dots > 0 ? -Errno.EINVAL : error;
  }

  /**
   * Take the string that comes next, whatever is in it and however long. Returns 0, or -EINVAL where it is not closed by
   * a NUL.
   */
  takeString(): number {
    const end = this.bytes.indexOf(0, this.at);
    if (end < 0 || end >= this.length) return -Errno.EINVAL;
    this.nameStart = this.at;
    this.nameLength = end - this.at;
    this.at = end + 1;
    return 0;
  }

  /** Where the name taken last lies, closed by a NUL, for system calls. */
  get nameAddress(): number {
    return this.address + this.nameStart;
  }

  /** 1 when the name taken last is `.`, 2 when it is `..`, else 0. */
  get dots(): number {
    const { bytes, nameStart, nameLength } = this;
    if (nameLength > 2 || bytes[nameStart] !== DOT) return 0;
    if (nameLength === 1) return 1;
    return bytes[nameStart + 1] === DOT ? 2 : 0;
  }

  /** Put a 32-bit field into the reply, `offset` behind its header. */
  put32(offset: number, value: number): void {
    this.replyWords[(OUT_HEADER + offset) >> 2] = value;
  }

  /** Put a 64-bit field into the reply; negative ones as two's complement. */
  put64(offset: number, value: number): void {
    const index = (OUT_HEADER + offset) >> 2;
    this.replyWords[index] = value;
    this.replyWords[index + 1] = Math.floor(value / WORD);
  }

  /** Set `length` bytes of the reply to zero, from `offset` behind its header on. */
  clear(offset: number, length: number): void {
    this.reply.fill(0, OUT_HEADER + offset, OUT_HEADER + offset + length);
  }

  /** Room for the body of the reply in the chain. */
  get room(): number {
    return this.writable.length - OUT_HEADER;
  }

  /** Write the header of a reply whose body of `length` bytes is written to the chain next, by whoever calls this. */
  begin(length: number): void {
    this.#header(OUT_HEADER + length, 0);
    this.writable.write(this.reply, 0, OUT_HEADER, this.replyWords);
  }

  /**
   * Answer with the `result` of an operation: a body length, or a negative errno. Where the chain has not even room for
   * a header there is no answer; where it has not room for the body it is EINVAL.
   */
  finish(result: number): void {
    if (result <= Outcome.silent || this.room < 0) return;
    const error = result > this.room ? -Errno.EINVAL : Math.min(result, 0);
    const length = error < 0 ? OUT_HEADER : OUT_HEADER + result;
    this.#header(length, error);
    this.writable.write(this.reply, 0, length, this.replyWords);
  }

  #header(length: number, error: number): void {
    const { words, replyWords } = this;
    replyWords[OutHeader.offsets.length / 4] = length;
    replyWords[OutHeader.offsets.error / 4] = error;
    replyWords[OutHeader.offsets.unique / 4] = words[InHeader.offsets.unique / 4]!;
    replyWords[OutHeader.offsets.unique / 4 + 1] = words[InHeader.offsets.unique / 4 + 1]!;
  }
}

/** Two halves of a number; most have nothing in the high one, and stay small integers without it. */
function join(low: number, high: number): number {
  return high === 0 ? low : low + high * WORD;
}

/** Answer the request `unique` in `writable` with nothing but `error`, 0 or a negative errno. For late replies. */
export function writeStatus(writable: AnswerBytes, unique: bigint, error: number): void {
  if (writable.length >= OUT_HEADER) writable.write(OutHeader.encode({ length: OUT_HEADER, error, unique }));
}
