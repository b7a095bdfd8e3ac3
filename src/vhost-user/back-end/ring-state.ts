import { readlinkSync } from 'node:fs';
import type { GuestMemory } from '../../memory/index.ts';
import type { Fd } from '../../sys/index.ts';
import { type RingMemory, ringLengths, SplitQueue, type Virtqueue } from '../../virtio/index.ts';
import type { Ring } from '../backend.ts';
import { VirtioFeature, VRING_LOG } from '../constants.ts';
import { RequestError } from '../errors.ts';

/** What SET_VRING_ADDR says; addresses are the front end's own. */
export interface RingPlace {
  readonly flags: number;
  readonly descriptors: number;
  readonly used: number;
  readonly available: number;
  /** Where writes to the used ring are logged. */
  readonly log: number;
}

/** One virtqueue as the front end has set it up so far, with the descriptors it gave for it. */
export class RingState implements Ring, Disposable {
  readonly index: number;
  /** Entries, 0 before SET_VRING_NUM. */
  size = 0;
  /** Index of the available ring to start at. */
  base = 0;
  place: RingPlace | undefined;
  kick: Fd | undefined;
  call: Fd | undefined;
  error: Fd | undefined;
  enabled = false;
  queue: Virtqueue | undefined;

  constructor(index: number) {
    this.index = index;
  }

  get started(): boolean {
    return this.queue !== undefined;
  }

  get polled(): boolean {
    return this.started && this.kick === undefined;
  }

  /** Where writes to the used ring are to be logged; undefined where the front end does not want them. */
  get usedLogAddress(): number | undefined {
    return this.place !== undefined && (this.place.flags & VRING_LOG) !== 0 ? this.place.log : undefined;
  }

  /** The ring's parts in `memory`. Throws `ERR_RING_ADDRESS` where they are not all in it. */
  locate(memory: GuestMemory, { descriptors, available, used } = this.#placed()): RingMemory {
    const lengths = ringLengths(Math.max(this.size, 1), 'split');
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
    return {
      descriptors: view('descriptor table', descriptors, lengths.descriptors),
      available: view('available ring', available, lengths.available),
      used: view('used ring', used, lengths.used),
    };
  }

  /** Make the queue, at the index the front end set. */
  start(memory: GuestMemory, features: bigint): void {
    if (this.size === 0)
      throw new RequestError('ERR_NOT_NOW', `Ring ${this.index} cannot start before SET_VRING_NUM`);
    this.queue = new SplitQueue(memory, this.locate(memory), {
      size: this.size,
      base: this.base,
      eventIdx: (features & VirtioFeature.EVENT_IDX) !== 0n,
      indirect: (features & VirtioFeature.INDIRECT_DESC) !== 0n,
    });
  }

  /** Give the queue up and remember where it stood. The kick descriptor goes with it. */
  stop(): void {
    if (this.queue !== undefined) this.base = this.queue.base;
    this.queue = undefined;
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
