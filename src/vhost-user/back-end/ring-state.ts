import { readlinkSync } from 'node:fs';
import type { DirtyLog, GuestMemory } from '../../memory/index.ts';
import type { Fd } from '../../sys/index.ts';
import {
  PackedQueue,
  type RingMemory,
  ringLengths,
  SplitQueue,
  type Virtqueue,
  type VirtqueueKind,
} from '../../virtio/index.ts';
import type { Ring } from '../backend.ts';
import { VirtioFeature, VRING_LOG } from '../constants.ts';
import { RequestError } from '../errors.ts';

/** What SET_VRING_ADDR says; addresses are the front end's own. Of a packed ring: the ring and its two event areas. */
export interface RingPlace {
  readonly flags: number;
  readonly descriptors: number;
  readonly used: number;
  readonly available: number;
  /** Where writes to the used ring of a split queue are logged. */
  readonly log: number;
}

/** What a ring starts with, beside its own settings. */
export interface RingStart {
  readonly memory: GuestMemory;
  readonly kind: VirtqueueKind;
  readonly features: bigint;
  /** Where it goes on, in the form of its kind. */
  readonly base: number;
  /** Where it writes down what it has taken. */
  readonly inflight: Uint8Array | undefined;
  /** Whether the front end lets rings stop with unfinished requests, once it keeps note of them. */
  readonly mayLeaveInflight: boolean;
}

/** One virtqueue as the front end has set it up so far, with the descriptors it gave for it. */
export class RingState implements Ring, Disposable {
  readonly index: number;
  /** Entries, 0 before SET_VRING_NUM. */
  size = 0;
  /** Where to start, in the form of the ring's kind; undefined where a new ring starts. */
  base: number | undefined;
  place: RingPlace | undefined;
  kick: Fd | undefined;
  call: Fd | undefined;
  error: Fd | undefined;
  enabled = false;
  queue: Virtqueue | undefined;
  mayLeaveInflight = false;

  constructor(index: number) {
    this.index = index;
  }

  get started(): boolean {
    return this.queue !== undefined;
  }

  get polled(): boolean {
    return this.started && this.kick === undefined;
  }

  /** The ring's parts in `memory`. Throws `ERR_RING_ADDRESS` where they are not all in it. */
  locate(
    memory: GuestMemory,
    kind: VirtqueueKind,
    { descriptors, available, used } = this.#placed(),
  ): RingMemory {
    const lengths = ringLengths(Math.max(this.size, 1), kind);
    const view = (what: string, address: number, length: number): Uint8Array => {
      const bytes = memory.viewUser(address, length);
      if (bytes === undefined)
        throw new RequestError(
          'ERR_RING_ADDRESS',
          `The ${what} of ring ${this.index}, ${length} bytes at user address 0x${address.toString(16)}, ` +
            'lies in no memory region',
        );
      return bytes;
    };
    const [driver, device] =
      kind === 'split' ? ['available ring', 'used ring'] : ["driver's event area", "device's event area"];
    return {
      descriptors: view(kind === 'split' ? 'descriptor table' : 'ring', descriptors, lengths.descriptors),
      available: view(driver!, available, lengths.available),
      used: view(device!, used, lengths.used),
    };
  }

  /** Follow the front end's memory, or other addresses, if the ring runs. */
  relocate(memory: GuestMemory, place?: RingPlace): void {
    if (this.queue !== undefined) this.queue.relocate(this.locate(memory, this.queue.kind, place));
  }

  /** Mark what the ring writes in `log`; its own parts only where the front end wants that. */
  logTo(log: DirtyLog | undefined, memory: GuestMemory): void {
    if (this.queue === undefined) return;
    const { flags, descriptors, used, log: address } = this.#placed();
    if ((flags & VRING_LOG) === 0) this.queue.logTo(log, undefined);
    // Front ends give one address, which cannot tell of both the parts that the device writes of a packed ring
    else if (this.queue.kind === 'packed')
      this.queue.logTo(log, memory.guestAddressOf(used), memory.guestAddressOf(descriptors));
    else this.queue.logTo(log, address);
  }

  /** Make the queue. Throws where it cannot be made of what the front end has set. */
  start({ memory, kind, features, base, inflight, mayLeaveInflight }: RingStart): void {
    if (this.size === 0)
      throw new RequestError('ERR_NOT_NOW', `Ring ${this.index} cannot start before SET_VRING_NUM`);
    refuseBase(this.index, base, kind);
    const Queue = kind === 'packed' ? PackedQueue : SplitQueue;
    this.queue = new Queue(memory, this.locate(memory, kind), {
      size: this.size,
      base,
      eventIdx: (features & VirtioFeature.EVENT_IDX) !== 0n,
      indirect: (features & VirtioFeature.INDIRECT_DESC) !== 0n,
      ...(inflight === undefined ? {} : { inflight }),
    });
    this.mayLeaveInflight = mayLeaveInflight && inflight !== undefined;
  }

  /** Give the queue up and remember where it stood. The kick descriptor goes with it. */
  stop(): void {
    if (this.queue !== undefined) this.base = this.queue.base;
    this.queue = undefined;
    this.mayLeaveInflight = false;
    this.kick?.[Symbol.dispose]();
    this.kick = undefined;
  }

  [Symbol.dispose](): void {
    this.stop();
    this.call?.[Symbol.dispose]();
    this.call = undefined;
    this.error?.[Symbol.dispose]();
    this.error = undefined;
  }

  #placed(): RingPlace {
    if (this.place === undefined)
      throw new RequestError('ERR_NOT_NOW', `Ring ${this.index} cannot start before SET_VRING_ADDR`);
    return this.place;
  }
}

/** Where ring `index` may start. Throws `ERR_RING_BASE` for more bits than an index of a split ring has. */
export function refuseBase(index: number, base: number, kind: VirtqueueKind): void {
  if (kind === 'split' && base > 0xffff)
    throw new RequestError('ERR_RING_BASE', `Ring ${index} cannot start at ${base}, indexes have 16 bits`);
}

/**
 * Make sure that `fd` is an eventfd, and that neither reading nor writing it ever waits: anything else that a front end
 * may pass could stop the device's thread. Throws `ERR_NOT_EVENTFD`.
 */
export function requireEventfd(fd: Fd, use: string): void {
  const target = readlinkSync(`/proc/self/fd/${fd.number}`);
  if (target !== 'anon_inode:[eventfd]')
    throw new RequestError('ERR_NOT_EVENTFD', `The ${use} descriptor is ${target}, expected an eventfd`);
  fd.setNonBlocking(true);
}
