import type { DirtyLog, GuestMemory } from '../memory/index.ts';
import type { DescriptorChain } from './chain.ts';
import { ChainLoader } from './chain-loader.ts';
import { VirtqueueError } from './errors.ts';
import { MAX_QUEUE_SIZE } from './limits.ts';
import { SplitInflight } from './split-inflight.ts';
import {
  type ParkedRequest,
  type RingMemory,
  ringLengths,
  ringPart,
  type Virtqueue,
  type VirtqueueOptions,
} from './virtqueue.ts';

const NO_INTERRUPT = 1;
const NO_NOTIFY = 1;

/** Bytes of the used ring that come before its elements: `u16 flags, u16 idx`. */
const USED_HEAD = 4;

/** The device's side of a split virtqueue (virtio 1.2, section 2.7). Its base is an index of the available ring. */
export class SplitQueue implements Virtqueue {
  readonly kind = 'split';
  readonly size: number;
  readonly unfinished: readonly ParkedRequest[];
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
  /** Requests held since the last flush and, with an inflight region, their first descriptors. */
  #held = 0;
  readonly #heads: Uint16Array;
  readonly #inflight: SplitInflight | undefined;
  #broken = false;
  #log: DirtyLog | undefined;
  #usedLogAddress: number | undefined;

  /**
   * Start at `options.base`, or where an inflight region that was in use says; the used index is taken from memory.
   * Throws `ERR_RING` for a ring that cannot be, `ERR_INFLIGHT` for such a region.
   */
  constructor(memory: GuestMemory, ring: RingMemory, options: VirtqueueOptions) {
    const { size, base, inflight } = options;
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
    this.#usedIndex = Atomics.load(this.#used, 1);
    this.#inflight = inflight && new SplitInflight(inflight, size, this.#usedIndex);
    this.#heads = new Uint16Array(inflight === undefined ? 0 : size);
    this.unfinished = this.#inflight?.unfinished ?? [];
    this.#next = this.#inflight?.resumed
      ? (this.#usedIndex + this.unfinished.length) & 0xffff
      : base & 0xffff;
    this.#seen = this.#next;
    this.#asked = this.#usedIndex;
  }

  /** The next entry of the available ring that `pop` looks at. */
  get base(): number {
    return this.#next;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get broken(): boolean {
    return this.#broken;
  }

  relocate(ring: RingMemory): void {
    const lengths = ringLengths(this.size, 'split');
    const descriptors = ringPart(ring.descriptors, lengths.descriptors, 4, 'descriptor table');
    const available = ringPart(ring.available, lengths.available, 2, 'available ring');
    const used = ringPart(ring.used, lengths.used, 4, 'used ring');
    this.#descriptors = new Uint32Array(descriptors.buffer, descriptors.byteOffset, this.size * 4);
    this.#available = new Uint16Array(available.buffer, available.byteOffset, 3 + this.size);
    this.#used = new Uint16Array(used.buffer, used.byteOffset, 3 + this.size * 4);
    this.#usedWords = new Uint32Array(used.buffer, used.byteOffset, 1 + this.size * 2);
  }

  logTo(log: DirtyLog | undefined, usedAddress: number | undefined): void {
    this.#log = log;
    this.#usedLogAddress = log === undefined ? undefined : usedAddress;
  }

  pop(chain: DescriptorChain): boolean {
    const next = this.#next;
    if (this.#broken || (this.#seen === next && !this.#look(next))) return false;
    this.#fill(chain, this.#available[2 + (next & this.#mask)]!);
    this.#next = (next + 1) & 0xffff;
    return true;
  }

  park(chain: DescriptorChain): ParkedRequest {
    return { head: chain.head };
  }

  recover(chain: DescriptorChain, { head }: ParkedRequest): void {
    this.#fill(chain, head);
  }

  complete(chain: DescriptorChain): void {
    this.hold(chain);
    this.flush();
  }

  hold(chain: DescriptorChain): void {
    const { writable, head } = chain;
    const log = this.#log;
    if (log !== undefined) writable.markTouched(log);
    const index = this.#usedIndex;
    const element = (index & this.#mask) * 2;
    this.#usedWords[1 + element] = head;
    this.#usedWords[2 + element] = writable.written;
    this.#markUsed(USED_HEAD + element * 4, 8);
    this.#usedIndex = (index + 1) & 0xffff;
    this.#inFlight--;
    if (this.#inflight !== undefined) this.#heads[this.#held] = head;
    this.#held++;
  }

  flush(): void {
    const held = this.#held;
    if (held === 0) return;
    const inflight = this.#inflight;
    this.#held = 0;
    if (inflight !== undefined) for (let i = 0; i < held; i++) inflight.complete(this.#heads[i]!);
    Atomics.store(this.#used, 1, this.#usedIndex);
    this.#markUsed(2, 2);
    if (inflight === undefined) return;
    for (let i = 0; i < held; i++) inflight.clear(this.#heads[i]!);
    inflight.commit(this.#usedIndex);
  }

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

  disableKicks(): void {
    // With EVENT_IDX the event index that was published last grows stale by itself
    if (this.#eventIdx) return;
    Atomics.store(this.#used, 0, NO_NOTIFY);
    this.#markUsed(0, 2);
  }

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
    this.#inflight?.take(head);
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
