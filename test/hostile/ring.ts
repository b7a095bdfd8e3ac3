/** A split ring of 8 in a front end's memory, written word by word. */
import type { Mapping } from '../../src/sys/index.ts';

export const NEXT = 1;
export const WRITE = 2;
export const INDIRECT = 4;
export const SIZE = 8;
/** Guest address of the ring; user addresses lie `USER` above. */
export const RING = 0x2000;
const AVAILABLE = RING + 16 * SIZE;
const USED = AVAILABLE + 24;
/** Guest addresses for buffers. */
export const REQUEST = 0x8000;
export const ANSWER = 0x9000;
export const TABLE = 0xa000;

/** FUSE_INIT as Linux sends it: a header of 40 bytes, then 64. */
export const INIT_LENGTH = 104;
const FUSE_INIT = 26;
/** Room for its answer: a header of 16 bytes, then 64. */
export const INIT_ROOM = 80;
/** A blk request for the serial number: `u32 type, u32 reserved, u64 sector`; its answer is 20 bytes and a status. */
const BLK_HEADER = 16;
const BLK_GET_ID = 8;
const BLK_ANSWER = 21;

/** Whose requests a ring carries. */
export type Kind = 'fs' | 'blk';

export class HostileRing {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #kind: Kind;

  constructor(ram: Mapping, kind: Kind) {
    this.#kind = kind;
    this.bytes = ram.bytes;
    this.#view = new DataView(ram.bytes.buffer, ram.bytes.byteOffset, ram.bytes.length);
    this.clear();
  }

  /** An empty ring, and FUSE_INIT in the request's place. */
  clear(): void {
    this.bytes.fill(0);
    this.init(REQUEST);
  }

  /** Write FUSE_INIT to guest address `at`. */
  init(at: number): void {
    this.#view.setUint32(at, INIT_LENGTH, true);
    this.#view.setUint32(at + 4, FUSE_INIT, true);
    this.#view.setBigUint64(at + 8, 2n, true);
    this.#view.setUint32(at + 40, 7, true);
    this.#view.setUint32(at + 44, 38, true);
  }

  /** Set descriptor `index` of the ring, or of the table at guest address `table`. */
  describe(index: number, address: number | bigint, length: number, flags = 0, next = 0, table = RING): void {
    const at = table + 16 * index;
    this.#view.setBigUint64(at, BigInt(address), true);
    this.#view.setUint32(at + 8, length, true);
    this.#view.setUint16(at + 12, flags, true);
    this.#view.setUint16(at + 14, next, true);
  }

  offer(head: number): void {
    this.#view.setUint16(AVAILABLE + 4 + (this.availableIndex % SIZE) * 2, head, true);
    this.availableIndex++;
  }

  get availableIndex(): number {
    return this.#view.getUint16(AVAILABLE + 2, true);
  }

  set availableIndex(value: number) {
    this.#view.setUint16(AVAILABLE + 2, value, true);
  }

  get usedIndex(): number {
    return this.#view.getUint16(USED + 2, true);
  }

  set usedIndex(value: number) {
    this.#view.setUint16(USED + 2, value, true);
  }

  /** Length that the device says it wrote, of the request answered last. */
  get usedLength(): number {
    return this.#view.getUint32(USED + 4 + ((this.usedIndex - 1) & (SIZE - 1)) * 8 + 4, true);
  }

  /** Offer a request that the device answers whatever state it is in. */
  offerGood(): void {
    if (this.#kind === 'fs') this.offerInit();
    else this.offerBlk(BLK_GET_ID, BLK_ANSWER);
  }

  /** Offer a blk request of `type` with room for `room` bytes, the status among them. */
  offerBlk(type: number, room: number): void {
    this.#view.setUint32(REQUEST, type, true);
    this.describe(0, REQUEST, BLK_HEADER, NEXT, 1);
    this.describe(1, ANSWER, room, WRITE);
    this.offer(0);
  }

  /** Offer FUSE_INIT as a driver would. */
  offerInit(): void {
    this.describe(0, REQUEST, INIT_LENGTH, NEXT, 1);
    this.describe(1, ANSWER, INIT_ROOM, WRITE);
    this.offer(0);
  }
}
