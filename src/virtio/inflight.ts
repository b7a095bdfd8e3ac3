import { VirtqueueError } from './errors.ts';
import type { VirtqueueKind } from './virtqueue.ts';

const ALIGNMENT = 64;
/** Bytes before the entries, and bytes of an entry. */
export const HEAD = { split: 16, packed: 32 } as const;
export const ENTRY = { split: 16, packed: 32 } as const;
/** The only version of the layout there is; 0 stands for a region that nobody has used yet. */
export const VERSION = 1;
/** 16-bit words of the version and of the number of entries, in regions of both kinds. */
export const AT_VERSION = 4;
export const AT_ENTRIES = 5;

/** Bytes that a queue of `size` entries takes in an inflight region; queues follow each other at this distance. */
export function inflightStride(kind: VirtqueueKind, size: number): number {
  return Math.ceil((HEAD[kind] + ENTRY[kind] * size) / ALIGNMENT) * ALIGNMENT;
}

/** A queue's part of an inflight region as words of each width. It is shared: what is read there is checked. */
export class InflightPart {
  readonly kind: VirtqueueKind;
  readonly bytes: Uint8Array;
  readonly halves: Uint16Array;
  readonly words: Uint32Array;
  /** Whether a queue has used it before. */
  readonly used: boolean;
  /** Entries it was made for, which may be more than the queue has. */
  readonly entries: number;

  /** Throws `ERR_INFLIGHT` for bytes that cannot be the part of a `kind` queue of `size` entries. */
  constructor(kind: VirtqueueKind, bytes: Uint8Array, size: number) {
    const room = Math.floor((bytes.length - HEAD[kind]) / ENTRY[kind]);
    if (room < size || bytes.byteOffset % 8 !== 0)
      throw inflightError(
        `${bytes.length} bytes at a multiple of ${bytes.byteOffset % 8 || 8} for a ${kind} queue of ${size}; ` +
          `expected ${inflightStride(kind, size)} at a multiple of 8`,
      );
    this.kind = kind;
    this.bytes = bytes;
    this.halves = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 1);
    this.words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
    const version = this.halves[AT_VERSION]!;
    if (version > VERSION)
      throw inflightError(`Version ${version} of the layout, expected ${VERSION}, or 0 in a new one`);
    this.used = version === VERSION;
    const entries = this.halves[AT_ENTRIES]!;
    if (this.used && (entries < size || entries > room))
      throw inflightError(`${entries} entries, expected ${size}, the size of the queue, to ${room}`);
    this.entries = entries < size || entries > room ? size : entries;
  }

  /** Offset of entry `index` in bytes. */
  at(index: number): number {
    return HEAD[this.kind] + index * ENTRY[this.kind];
  }

  /** Say that it is in use from now on, once everything else in it is right. */
  begin(): void {
    this.halves[AT_ENTRIES] = this.entries;
    this.halves[AT_VERSION] = VERSION;
  }
}

/** What an earlier process took and did not complete, by the counters it was noted with. */
export class Unfinished<Request> {
  readonly #requests = new Map<number, Request>();

  /** Throws `ERR_INFLIGHT` for a counter that came up before or is too large to be one. */
  add(low: number, high: number, request: Request): void {
    const counter = high * 0x1_0000_0000 + low;
    if (counter >= Number.MAX_SAFE_INTEGER || this.#requests.has(counter))
      throw inflightError(`Two requests with counter ${counter}, or one that large`);
    this.#requests.set(counter, request);
  }

  /** In the order they were taken. */
  get inOrder(): Request[] {
    return [...this.#requests].sort(([one], [other]) => one - other).map(([, request]) => request);
  }

  /** The counter of the next request. */
  get nextCounter(): number {
    return Math.max(-1, ...this.#requests.keys()) + 1;
  }
}

export function inflightError(message: string): VirtqueueError {
  return new VirtqueueError('ERR_INFLIGHT', `Inflight region: ${message}`);
}
