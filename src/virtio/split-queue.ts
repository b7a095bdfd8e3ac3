import type { DirtyLog, GuestMemory } from '../memory/index.ts';
import type { DescriptorChain } from './chain.ts';
import { ChainLoader } from './chain-loader.ts';
import { VirtqueueError } from './errors.ts';
import { MAX_QUEUE_SIZE } from './limits.ts';
import type { Segments } from './segments.ts';

const NO_INTERRUPT = 1;
const NO_NOTIFY = 1;

/** A virtqueue's three parts where this process has them mapped, each at least as long as its size asks for. */
export interface RingMemory {
  readonly descriptors: Uint8Array;
  readonly available: Uint8Array;
  readonly used: Uint8Array;
}

export interface SplitQueueOptions {
  /** Entries: a power of two, at most `MAX_QUEUE_SIZE`. */
  readonly size: number;
  /** Index of the available ring to start at: what GET_VRING_BASE told when the queue was stopped, or 0. */
  readonly next: number;
  readonly eventIdx: boolean;
  readonly indirect: boolean;
}

/** Bytes of each part of a split virtqueue of `size` entries. */
export function ringLengths(size: number): { descriptors: number; available: number; used: number } {
  return { descriptors: 16 * size, available: 6 + 2 * size, used: 6 + 8 * size };
}

/** Bytes of the used ring that come before its elements: `u16 flags, u16 idx`. */
const USED_HEAD = 4;

/**
 * The device's side of a split virtqueue (virtio 1.2, section 2.7). The driver is not trusted and may change anything
 * at any time: every word of the rings is read once, copied, then checked. A rule broken by the driver is thrown as
 * `VirtqueueError` once and leaves the queue broken: it yields nothing any more.
 */
export class SplitQueue {
  readonly size: number;
  readonly #mask: number;
  readonly #eventIdx: boolean;
  readonly #chains: ChainLoader;
  #descriptors!: Uint32Array;
  #available!: Uint16Array;
  #used!: Uint16Array;
  #usedWords!: Uint32Array;
  /** Next entry of the available ring to look at, as a free-running 16-bit index. */
  #next: number;
  /** The driver's index when it was read last. */
  #seen: number;
  #usedIndex: number;
  /** Used index when it was last asked whether to notify the driver. */
  #asked: number;
  /** Whether the driver's event index may be believed: it may have passed unseen before the queue started here. */
  #eventKnown = false;
  #inFlight = 0;
  #broken = false;
  #log: DirtyLog | undefined;
  #usedLogAddress: number | undefined;

  /** Start at `options.next`; the used index is taken from memory. Throws `ERR_RING` for a ring that cannot be. */
  constructor(memory: GuestMemory, ring: RingMemory, options: SplitQueueOptions) {
    const { size, next } = options;
    if (size < 1 || size > MAX_QUEUE_SIZE || (size & (size - 1)) !== 0)
      throw new VirtqueueError(
        'ERR_RING',
        `A split queue of size ${size}; it must be a power of two up to ${MAX_QUEUE_SIZE}`,
      );
    this.size = size;
    this.#mask = size - 1;
    this.#eventIdx = options.eventIdx;
    this.#chains = new ChainLoader(memory, size, options.indirect);
    this.relocate(ring);
    this.#next = next & 0xffff;
    this.#seen = this.#next;
    this.#usedIndex = Atomics.load(this.#used, 1);
    this.#asked = this.#usedIndex;
  }

  /** The next entry of the available ring that `pop` looks at: what GET_VRING_BASE answers. */
  get next(): number {
    return this.#next;
  }

  /** Requests that were taken and not completed. */
  get inFlight(): number {
    return this.#inFlight;
  }

  get broken(): boolean {
    return this.#broken;
  }

  /** Go on with the same queue at another place: the front end changed its memory table or the ring's addresses. */
  relocate(ring: RingMemory): void {
    const lengths = ringLengths(this.size);
    const descriptors = part(ring.descriptors, lengths.descriptors, 4, 'descriptor table');
    const available = part(ring.available, lengths.available, 2, 'available ring');
    const used = part(ring.used, lengths.used, 4, 'used ring');
    this.#descriptors = new Uint32Array(descriptors.buffer, descriptors.byteOffset, this.size * 4);
    this.#available = new Uint16Array(available.buffer, available.byteOffset, 3 + this.size);
    this.#used = new Uint16Array(used.buffer, used.byteOffset, 3 + this.size * 4);
    this.#usedWords = new Uint32Array(used.buffer, used.byteOffset, 1 + this.size * 2);
  }

  /**
   * From now on mark what is written as dirty in `log` (undefined: stop). `usedAddress` is where the used ring's own
   * writes are marked, undefined where the front end does not want them (VHOST_VRING_F_LOG).
   */
  logTo(log: DirtyLog | undefined, usedAddress: number | undefined): void {
    this.#log = log;
    this.#usedLogAddress = log === undefined ? undefined : usedAddress;
  }

  /** Take the next request into `chain`. Returns false where there is none. Throws `VirtqueueError`. */
  pop(chain: DescriptorChain): boolean {
    const next = this.#next;
    if (this.#broken || (this.#seen === next && !this.#look(next))) return false;
    this.#fill(chain, this.#available[2 + (next & this.#mask)]!);
    this.#next = (next + 1) & 0xffff;
    return true;
  }

  /**
   * Take the request with first descriptor `head` into `chain` once more: it was popped before, by this queue or by
   * the one at the migration's source, and never completed. Throws `VirtqueueError`.
   */
  recover(chain: DescriptorChain, head: number): void {
    this.#fill(chain, head);
  }

  /** Hand a finished request back to the driver: what was written is marked dirty, then it appears in the used ring. */
  complete(chain: DescriptorChain): void {
    const { writable, head } = chain;
    const log = this.#log;
    if (log !== undefined) markWritten(log, writable.segments, writable.touched);
    const index = this.#usedIndex;
    const element = (index & this.#mask) * 2;
    this.#usedWords[1 + element] = head;
    this.#usedWords[2 + element] = writable.written;
    this.#markUsed(USED_HEAD + element * 4, 8);
    this.#usedIndex = (index + 1) & 0xffff;
    this.#inFlight--;
    Atomics.store(this.#used, 1, this.#usedIndex);
    this.#markUsed(2, 2);
  }

  /** Whether the driver wants to be notified of what was completed since this was asked last. */
  needsNotify(): boolean {
    const now = this.#usedIndex;
    const before = this.#asked;
    if (now === before) return false;
    this.#asked = now;
    if (!this.#eventIdx) return (Atomics.load(this.#available, 0) & NO_INTERRUPT) === 0;
    if (!this.#eventKnown) {
      this.#eventKnown = true;
      return true;
    }
    const event = Atomics.load(this.#available, 2 + this.size);
    return ((now - event - 1) & 0xffff) < ((now - before) & 0xffff);
  }

  /** Ask the driver not to kick: the queue is looked at anyway. It may kick all the same. */
  disableKicks(): void {
    // With EVENT_IDX the event index that was published last grows stale by itself
    if (this.#eventIdx) return;
    Atomics.store(this.#used, 0, NO_NOTIFY);
    this.#markUsed(0, 2);
  }

  /** Ask the driver to kick at its next request. Returns true where one is there already: no kick comes for it. */
  enableKicks(): boolean {
    if (this.#eventIdx) {
      Atomics.store(this.#used, 2 + this.size * 4, this.#next);
      this.#markUsed(USED_HEAD + this.size * 8, 2);
    } else {
      Atomics.store(this.#used, 0, 0);
      this.#markUsed(0, 2);
    }
    return !this.#broken && Atomics.load(this.#available, 1) !== this.#next;
  }

  /** Read the driver's index; false where nothing is new. */
  #look(next: number): boolean {
    const seen = Atomics.load(this.#available, 1);
    if (seen === next) return false;
    if (((seen - next) & 0xffff) > this.size)
      throw this.#break(
        'ERR_AVAILABLE_INDEX',
        `The available index went from ${next} to ${seen} in a queue of ${this.size}`,
      );
    this.#seen = seen;
    return true;
  }

  #fill(chain: DescriptorChain, head: number): void {
    if (this.#inFlight >= this.size)
      throw this.#break(
        'ERR_TOO_MANY_IN_FLIGHT',
        `A further request while ${this.#inFlight} are in flight in a queue of ${this.size}`,
      );
    try {
      this.#chains.load(chain, head, this.#descriptors);
    } catch (error) {
      this.#broken = true;
      throw error;
    }
    this.#inFlight++;
  }

  #markUsed(offset: number, length: number): void {
    if (this.#usedLogAddress !== undefined) this.#log!.mark(this.#usedLogAddress + offset, length);
  }

  #break(code: string, message: string): VirtqueueError {
    this.#broken = true;
    return new VirtqueueError(code, message);
  }
}

/** `bytes` if it is long enough and aligned in this process, where the words of the ring are accessed atomically. */
function part(bytes: Uint8Array, length: number, align: number, name: string): Uint8Array {
  if (bytes.length < length || bytes.byteOffset % align !== 0)
    throw new VirtqueueError(
      'ERR_RING',
      `The ${name} has ${bytes.length} bytes at a multiple of ${bytes.byteOffset % align || align}; ` +
        `expected ${length} at a multiple of ${align}`,
    );
  return bytes;
}

function markWritten(log: DirtyLog, segments: Segments, touched: number): void {
  let left = touched;
  for (let i = 0; i < segments.count && left > 0; i++) {
    const length = Math.min(left, segments.lengths[i]!);
    log.mark(segments.guestAddresses[i]!, length);
    left -= length;
  }
}
