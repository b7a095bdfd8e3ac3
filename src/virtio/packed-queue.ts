import type { DirtyLog, GuestMemory } from '../memory/index.ts';
import type { DescriptorChain } from './chain.ts';
import { ChainLoader } from './chain-loader.ts';
import { VirtqueueError } from './errors.ts';
import { MAX_QUEUE_SIZE } from './limits.ts';
import { PackedInflight } from './packed-inflight.ts';
import {
  availableState,
  distance,
  EVENT_DESCRIPTOR,
  EVENT_DISABLE,
  EVENT_ENABLE,
  F_NEXT,
  F_STATE,
  F_WRITE,
  LAST_WORD,
  position,
  usedState,
  WORDS,
  wantsEvent,
} from './packed-ring.ts';
import {
  type ParkedRequest,
  type RingMemory,
  ringLengths,
  ringPart,
  type Virtqueue,
  type VirtqueueOptions,
} from './virtqueue.ts';

/** Bytes of a descriptor. */
const SIZE = 16;

/**
 * The device's side of a packed virtqueue (virtio 1.2, section 2.8). Its base is two positions, an index and a wrap
 * counter each: where the next available descriptor is in the lower half, where the next used one goes in the upper.
 */
export class PackedQueue implements Virtqueue {
  readonly kind = 'packed';
  readonly size: number;
  readonly unfinished: readonly ParkedRequest[];
  readonly #eventIdx: boolean;
  readonly #chains: ChainLoader;
  #ring!: Int32Array;
  #driverEvent!: Int32Array;
  #deviceEvent!: Int32Array;
  #next: number;
  #nextWrap: number;
  /** `flags & F_STATE` of a descriptor that is available at `#next`. */
  #availableState: number;
  #used: number;
  #usedWrap: number;
  /** Ring entries that are neither free for the driver nor ahead of `#next`. */
  #outstanding: number;
  /** Those of them that belong to requests which another process took and `recover` has not seen yet. */
  #unclaimed: number;
  /** Descriptors used since it was last asked whether to notify the driver. */
  #unasked = 0;
  /** Whether the driver's event may be believed: it may have passed unseen before the queue started here. */
  #eventKnown = false;
  #inFlight = 0;
  readonly #inflight: PackedInflight | undefined;
  #broken = false;
  #log: DirtyLog | undefined;
  #eventLogAddress: number | undefined;
  #ringLogAddress: number | undefined;

  /**
   * Start at `options.base`, or where an inflight region that was in use says. Throws `ERR_RING` for a ring or a base
   * that cannot be, `ERR_INFLIGHT` for such a region.
   */
  constructor(memory: GuestMemory, ring: RingMemory, options: VirtqueueOptions) {
    const { size, base } = options;
    if (size < 1 || size > MAX_QUEUE_SIZE)
      throw new VirtqueueError('ERR_RING', `A packed queue of size ${size}; 1 to ${MAX_QUEUE_SIZE} can be`);
    const available = base & 0xffff;
    const used = base >>> 16;
    const outstanding = distance(used, available, size);
    if ((available & 0x7fff) >= size || (used & 0x7fff) >= size || outstanding < 0 || outstanding > size)
      throw new VirtqueueError(
        'ERR_RING',
        `A packed queue of size ${size} that goes on at 0x${base.toString(16)}: no two positions at most a lap apart`,
      );
    this.size = size;
    this.#eventIdx = options.eventIdx;
    this.#chains = new ChainLoader(memory, size, options.indirect);
    this.relocate(ring);
    this.#used = used & 0x7fff;
    this.#usedWrap = used >>> 15;
    this.#inflight =
      options.inflight && new PackedInflight(options.inflight, size, this.#ring, this.#used, this.#usedWrap);
    this.unfinished = this.#inflight?.unfinished ?? [];
    this.#next = available & 0x7fff;
    this.#nextWrap = available >>> 15;
    this.#outstanding = outstanding;
    if (this.#inflight?.resumed) this.#resume(this.#inflight);
    this.#availableState = availableState(this.#nextWrap);
    this.#unclaimed = this.#outstanding;
  }

  get base(): number {
    const available = position(this.#next, this.#nextWrap);
    return (available | (position(this.#used, this.#usedWrap) << 16)) >>> 0;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get broken(): boolean {
    return this.#broken;
  }

  relocate(ring: RingMemory): void {
    const lengths = ringLengths(this.size, 'packed');
    const descriptors = ringPart(ring.descriptors, lengths.descriptors, 4, 'descriptor ring');
    const driver = ringPart(ring.available, lengths.available, 4, "driver's event area");
    const device = ringPart(ring.used, lengths.used, 4, "device's event area");
    this.#ring = new Int32Array(descriptors.buffer, descriptors.byteOffset, this.size * WORDS);
    this.#driverEvent = new Int32Array(driver.buffer, driver.byteOffset, 1);
    this.#deviceEvent = new Int32Array(device.buffer, device.byteOffset, 1);
  }

  logTo(log: DirtyLog | undefined, usedAddress: number | undefined, ringAddress?: number): void {
    this.#log = log;
    this.#eventLogAddress = log === undefined ? undefined : usedAddress;
    this.#ringLogAddress = log === undefined ? undefined : ringAddress;
  }

  pop(chain: DescriptorChain): boolean {
    if (this.#broken) return false;
    const first = this.#next;
    const ring = this.#ring;
    let word = Atomics.load(ring, first * WORDS + LAST_WORD);
    if (((word >>> 16) & F_STATE) !== this.#availableState) return false;
    const left = this.size - this.#outstanding;
    let index = first;
    chain.taken = 0;
    for (;;) {
      if (chain.taken === left) throw this.#tooLong(first, left);
      chain.reserve();
      const { descriptors } = chain;
      const from = index * WORDS;
      const to = chain.taken++ * WORDS;
      descriptors[to] = ring[from]!;
      descriptors[to + 1] = ring[from + 1]!;
      descriptors[to + 2] = ring[from + 2]!;
      descriptors[to + LAST_WORD] = word;
      if (++index === this.size) index = 0;
      if (((word >>> 16) & F_NEXT) === 0) break;
      word = ring[index * WORDS + LAST_WORD]!;
    }
    this.#load(chain, word & 0xffff, first);
    if (this.#inflight !== undefined) chain.noted = this.#inflight.take(chain.descriptors, chain.taken);
    this.#outstanding += chain.taken;
    this.#next = index;
    if (index <= first) {
      this.#nextWrap ^= 1;
      this.#availableState = availableState(this.#nextWrap);
    }
    return true;
  }

  park(chain: DescriptorChain): ParkedRequest {
    const words = chain.descriptors.slice(0, chain.taken * WORDS);
    return { head: chain.head, descriptors: new Uint8Array(words.buffer) };
  }

  recover(chain: DescriptorChain, request: ParkedRequest): void {
    const { head, descriptors = new Uint8Array(0) } = request;
    const taken = descriptors.length / SIZE;
    if (!Number.isInteger(taken) || taken < 1 || taken > this.#unclaimed)
      throw this.#break(
        'ERR_PARKED',
        `A parked request with ${descriptors.length} bytes of descriptors, where ${this.#unclaimed} of 16 bytes are open`,
      );
    const view = new DataView(descriptors.buffer, descriptors.byteOffset, descriptors.length);
    for (chain.taken = 0; chain.taken < taken; chain.taken++) {
      chain.reserve();
      for (let i = 0; i < WORDS; i++)
        chain.descriptors[chain.taken * WORDS + i] = view.getInt32(chain.taken * SIZE + i * 4, true);
    }
    this.#load(chain, head, 0);
    this.#unclaimed -= taken;
    if (this.#inflight === undefined) return;
    chain.noted = this.#inflight.claim(head);
    if (chain.noted < 0) chain.noted = this.#inflight.take(chain.descriptors, taken);
  }

  complete(chain: DescriptorChain): void {
    const { writable, taken } = chain;
    const log = this.#log;
    if (log !== undefined) writable.markTouched(log);
    const { written } = writable;
    const ring = this.#ring;
    const inflight = this.#inflight;
    const at = this.#used * WORDS;
    const flags = usedState(this.#usedWrap) | (written > 0 ? F_WRITE : 0);
    this.#used += taken;
    if (this.#used >= this.size) {
      this.#used -= this.size;
      this.#usedWrap ^= 1;
    }
    this.#inFlight--;
    this.#outstanding -= taken;
    this.#unasked += taken;
    ring[at + 2] = written;
    if (inflight !== undefined) inflight.complete(chain.noted, this.#used, this.#usedWrap);
    Atomics.store(ring, at + LAST_WORD, (flags << 16) | chain.head);
    if (inflight !== undefined) inflight.completed(chain.noted, this.#used, this.#usedWrap);
    if (this.#ringLogAddress !== undefined) log!.mark(this.#ringLogAddress + at * 4, SIZE);
  }

  /** Shown at once: a process killed with used descriptors behind one that is not would leave them to its successor. */
  hold(chain: DescriptorChain): void {
    this.complete(chain);
  }

  flush(): void {
    // Nothing is ever held
  }

  needsNotify(): boolean {
    const count = this.#unasked;
    if (count === 0) return false;
    this.#unasked = 0;
    const area = Atomics.load(this.#driverEvent, 0);
    const flags = area >>> 16;
    if (flags === EVENT_DISABLE) return false;
    if (!this.#eventIdx || flags !== EVENT_DESCRIPTOR) return true;
    if (!this.#eventKnown) {
      this.#eventKnown = true;
      return true;
    }
    return wantsEvent(area, this.#used, this.#usedWrap, count, this.size);
  }

  disableKicks(): void {
    this.#publishEvent(EVENT_DISABLE << 16);
  }

  enableKicks(): boolean {
    this.#publishEvent(
      this.#eventIdx ? (EVENT_DESCRIPTOR << 16) | position(this.#next, this.#nextWrap) : EVENT_ENABLE << 16,
    );
    if (this.#broken) return false;
    const word = Atomics.load(this.#ring, this.#next * WORDS + LAST_WORD);
    return ((word >>> 16) & F_STATE) === this.#availableState;
  }

  /** The ring does not tell where its device was, the region does: behind what is used, and what is unfinished. */
  #resume({ used, usedWrap, unfinished }: PackedInflight): void {
    this.#used = used;
    this.#usedWrap = usedWrap;
    this.#outstanding = unfinished.reduce(
      (sum, { descriptors }) => sum + (descriptors?.length ?? 0) / SIZE,
      0,
    );
    const next = used + this.#outstanding;
    this.#next = next % this.size;
    this.#nextWrap = next >= this.size ? usedWrap ^ 1 : usedWrap;
  }

  #publishEvent(area: number): void {
    Atomics.store(this.#deviceEvent, 0, area);
    if (this.#eventLogAddress !== undefined) this.#log!.mark(this.#eventLogAddress, 4);
  }

  #load(chain: DescriptorChain, id: number, first: number): void {
    if (id >= this.size)
      throw this.#break('ERR_BUFFER_ID', `Buffer id ${id} in a queue of ${this.size}`, first);
    try {
      this.#chains.loadTaken(chain, id, first);
    } catch (error) {
      this.#broken = true;
      throw error;
    }
    this.#inFlight++;
  }

  #tooLong(first: number, left: number): VirtqueueError {
    return left === 0
      ? this.#break(
          'ERR_TOO_MANY_IN_FLIGHT',
          `A further request while all ${this.size} descriptors are in flight`,
        )
      : this.#break('ERR_CHAIN_LENGTH', `The chain has more than the ${left} descriptors left`, first);
  }

  #break(code: string, message: string, descriptor?: number): VirtqueueError {
    this.#broken = true;
    return new VirtqueueError(code, message, descriptor);
  }
}
