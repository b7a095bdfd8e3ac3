import { errno } from './libc.ts';
import * as libc from './libc-sockets.ts';
import { type Mapping, mapAnonymous } from './mapping.ts';
import { copyMemory } from './memory.ts';

const WIDE = 2 ** 32;
const MSG_WAITALL = 0x100;
const MSG_NOSIGNAL = 0x4000;
/** Pieces that one call takes: IOV_MAX of Linux. */
const MOST = 1024;
/** struct msghdr stands before the pieces. */
const PIECES_AT = 64;

/**
 * Pieces of mapped memory that one call reads into or writes from: struct iovec by struct iovec, in mapped memory itself.
 * Adding, sending and receiving allocate nothing. A call takes the bytes that it moved off the front, so that it can be made
 * again until `left` is 0.
 */
export class Vectors implements Disposable {
  /** Bytes that are still to be moved. */
  left = 0;
  readonly #mapping: Mapping;
  readonly #words: Uint32Array;
  /** The pieces from `#first` on, without `#end`. */
  #first = 0;
  #end = 0;
  /** Pieces before this one are not added to. */
  #fixed = 0;
  /** Where the last piece ends. */
  #tail = -1;

  /** Room for as many pieces as one call can have. */
  constructor(name: string) {
    this.#mapping = mapAnonymous(PIECES_AT + MOST * 16, `vectors of ${name}`);
    this.#words = new Uint32Array(this.#mapping.buffer);
  }

  /** Pieces that one more `add` can still have. */
  get room(): number {
    return MOST - this.#end;
  }

  /** Drop all pieces. The first `reserved` are then given their place and length by `put`, and not added to. */
  clear(reserved = 0): void {
    this.left = 0;
    this.#first = 0;
    this.#end = reserved;
    this.#fixed = reserved;
    this.#tail = -1;
    for (let piece = 0; piece < reserved; piece++) this.#set(piece, 0, 0);
  }

  /** Say what the reserved piece `piece` is: `length` bytes at `address`. */
  put(piece: number, address: number, length: number): void {
    if (piece >= this.#fixed) throw new RangeError(`Piece ${piece} of ${this.#fixed} that are reserved`);
    this.left += length;
    this.#set(piece, address, length);
  }

  /** Append `length` bytes at `address`, to the last piece where it ends there. Throws where no piece is left. */
  add(address: number, length: number): void {
    if (length === 0) return;
    this.left += length;
    if (address === this.#tail) {
      this.#setLength(this.#end - 1, this.#lengthOf(this.#end - 1) + length);
    } else {
      if (this.#end === MOST) throw new RangeError(`More than ${MOST} pieces for one call`);
      this.#set(this.#end++, address, length);
    }
    this.#tail = address + length;
  }

  /** sendmsg(2) without SIGPIPE. Bytes that went, or a negative errno. */
  send(socket: number): number {
    return this.#moved(libc.sendmsg(socket, this.#header(), MSG_NOSIGNAL));
  }

  /** recvmsg(2) that waits for all pieces to be full. Bytes that came, 0 at the end of the stream, or a negative errno. */
  receive(socket: number): number {
    return this.#moved(libc.recvmsg(socket, this.#header(), MSG_WAITALL));
  }

  /** writev(2). Bytes written, or a negative errno. */
  write(file: number): number {
    return this.#moved(libc.writev(file, this.#pieces(), this.#end - this.#first));
  }

  /** readv(2). Bytes read, 0 at the end of the file, or a negative errno. */
  read(file: number): number {
    return this.#moved(libc.readv(file, this.#pieces(), this.#end - this.#first));
  }

  /** Where the first byte that is still to be moved lies. */
  get address(): number {
    const at = PIECES_AT / 4 + this.#first * 4;
    return this.#words[at + 1]! * WIDE + this.#words[at]!;
  }

  /** How many bytes lie there in one piece. */
  get length(): number {
    return this.#lengthOf(this.#first);
  }

  /** Copy bytes from the front to mapped memory at `to`, as many as there are and `room` for. Returns how many. */
  gather(to: number, room: number): number {
    let copied = 0;
    for (let piece = this.#first; piece < this.#end && copied < room; piece++) {
      const length = Math.min(this.#lengthOf(piece), room - copied);
      const at = PIECES_AT / 4 + piece * 4;
      copyMemory(to + copied, this.#words[at + 1]! * WIDE + this.#words[at]!, length);
      copied += length;
    }
    return copied;
  }

  /** Take `count` bytes off the front: they were moved by other means. */
  take(count: number): void {
    this.left -= count;
    if (this.left === 0) return;
    let rest = count;
    while (this.#lengthOf(this.#first) <= rest) rest -= this.#lengthOf(this.#first++);
    this.#set(this.#first, this.address + rest, this.#lengthOf(this.#first) - rest);
  }

  [Symbol.dispose](): void {
    this.#mapping[Symbol.dispose]();
  }

  #pieces(): number {
    return this.#mapping.address + PIECES_AT + this.#first * 16;
  }

  #header(): number {
    const pieces = this.#pieces();
    this.#words[4] = pieces;
    this.#words[5] = Math.floor(pieces / WIDE);
    this.#words[6] = this.#end - this.#first;
    return this.#mapping.address;
  }

  #moved(result: number): number {
    if (result < 0) return -errno();
    this.take(result);
    return result;
  }

  #set(piece: number, address: number, length: number): void {
    const at = PIECES_AT / 4 + piece * 4;
    this.#words[at] = address;
    this.#words[at + 1] = Math.floor(address / WIDE);
    this.#setLength(piece, length);
  }

  #setLength(piece: number, length: number): void {
    const at = PIECES_AT / 4 + piece * 4;
    this.#words[at + 2] = length;
    this.#words[at + 3] = Math.floor(length / WIDE);
  }

  #lengthOf(piece: number): number {
    const at = PIECES_AT / 4 + piece * 4;
    return this.#words[at + 3]! * WIDE + this.#words[at + 2]!;
  }
}
