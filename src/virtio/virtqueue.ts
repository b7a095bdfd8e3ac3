import type { DirtyLog } from '../memory/index.ts';
import type { DescriptorChain } from './chain.ts';
import { VirtqueueError } from './errors.ts';

/** How a virtqueue lies in memory: split (virtio 1.2, section 2.7) or packed (section 2.8). */
export type VirtqueueKind = 'split' | 'packed';

/**
 * A virtqueue's three parts where this process has them mapped, each at least as long as its size asks for. Of a packed
 * one: the descriptor ring, the driver's event suppression area, the device's.
 */
export interface RingMemory {
  readonly descriptors: Uint8Array;
  readonly available: Uint8Array;
  readonly used: Uint8Array;
}

export interface VirtqueueOptions {
  /** Entries: at most `MAX_QUEUE_SIZE`, and for a split queue a power of two. */
  readonly size: number;
  /** Where to start: what GET_VRING_BASE told when the queue was stopped, or what a new queue starts at. */
  readonly base: number;
  readonly eventIdx: boolean;
  readonly indirect: boolean;
  /**
   * The queue's part of an inflight region, `inflightStride` bytes or more: what is taken is noted there until it is
   * completed, and what an earlier process left there comes back as `unfinished`. A region that was in use also says where
   * to start, in place of `base`.
   */
  readonly inflight?: Uint8Array;
}

/** The base of a queue that was never used; the wrap counters of a packed queue start at 1. */
export function initialBase(kind: VirtqueueKind): number {
  return kind === 'packed' ? 0x8000_8000 : 0;
}

/** A request that was taken from a queue and not completed: what takes it up again, here or in another process. */
export interface ParkedRequest {
  /** Split: the chain's first descriptor. Packed: its buffer id. */
  readonly head: number;
  /** Packed only: the chain's descriptors of 16 bytes as they were when it was taken; the ring may be written over. */
  readonly descriptors?: Uint8Array;
}

/**
 * The device's side of a virtqueue. The driver is not trusted and may change anything at any time: every word of the
 * rings is read once, copied, then checked. A rule broken by the driver is thrown as `VirtqueueError` once and leaves
 * the queue broken: it yields nothing any more.
 */
export interface Virtqueue {
  readonly kind: VirtqueueKind;
  readonly size: number;
  /** Where the queue stands, as GET_VRING_BASE answers it and the option `base` takes it. */
  readonly base: number;
  /** Requests that were taken and not completed. */
  readonly inFlight: number;
  readonly broken: boolean;
  /** Requests that another process took and never completed, in the order it took them. */
  readonly unfinished: readonly ParkedRequest[];
  /** Go on with the same queue at another place: the front end changed its memory table or the ring's addresses. */
  relocate(ring: RingMemory): void;
  /**
   * From now on mark what is written as dirty in `log` (undefined: stop). `usedAddress` is where writes to the used ring,
   * or to the device's event area of a packed queue, are marked; undefined where the front end does not want them
   * (VHOST_VRING_F_LOG). `ringAddress` is the same for the descriptor ring, which a device writes in a packed queue alone.
   */
  logTo(log: DirtyLog | undefined, usedAddress: number | undefined, ringAddress?: number): void;
  /** Take the next request into `chain`. Returns false where there is none. Throws `VirtqueueError`. */
  pop(chain: DescriptorChain): boolean;
  /** What takes the request in `chain` up again if it is not completed here. Allocates. */
  park(chain: DescriptorChain): ParkedRequest;
  /**
   * Take a request into `chain` once more: it was popped before, from an earlier queue on this ring here or in another
   * process, and never completed. Throws `VirtqueueError`.
   */
  recover(chain: DescriptorChain, request: ParkedRequest): void;
  /** Hand a finished request back to the driver: `hold`, then `flush`. */
  complete(chain: DescriptorChain): void;
  /**
   * Finish a request, which the driver sees at the next `flush` at the latest: what was written is marked dirty. Several
   * shown at one time cost a driver that looks all the time less than one after the other.
   */
  hold(chain: DescriptorChain): void;
  /** Show the driver what was held. */
  flush(): void;
  /** Whether the driver wants to be notified of what was completed since this was asked last. */
  needsNotify(): boolean;
  /** Ask the driver not to kick: the queue is looked at anyway. It may kick all the same. */
  disableKicks(): void;
  /** Ask the driver to kick at its next request. Returns true where one is there already: no kick comes for it. */
  enableKicks(): boolean;
}

/** Bytes of each part of a virtqueue of `size` entries. */
export function ringLengths(
  size: number,
  kind: VirtqueueKind,
): { descriptors: number; available: number; used: number } {
  return kind === 'packed'
    ? { descriptors: 16 * size, available: 4, used: 4 }
    : { descriptors: 16 * size, available: 6 + 2 * size, used: 6 + 8 * size };
}

/** `bytes` if it is long enough and aligned in this process, where the words of the ring are accessed atomically. */
export function ringPart(bytes: Uint8Array, length: number, align: number, name: string): Uint8Array {
  if (bytes.length < length || bytes.byteOffset % align !== 0)
    throw new VirtqueueError(
      'ERR_RING',
      `The ${name} has ${bytes.length} bytes at a multiple of ${bytes.byteOffset % align || align}; ` +
        `expected ${length} at a multiple of ${align}`,
    );
  return bytes;
}
