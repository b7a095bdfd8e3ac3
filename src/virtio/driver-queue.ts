import type { VirtqueueKind } from './virtqueue.ts';

/** One buffer of a request: guest memory from `address` on, which the device reads or (`writable`) writes. */
export interface Buffer {
  readonly address: number;
  readonly length: number;
  readonly writable: boolean;
}

/** Where a virtqueue's three parts lie in guest memory; of a packed one: ring, driver's and device's event area. */
export interface RingAddresses {
  readonly descriptors: number;
  readonly available: number;
  readonly used: number;
}

export interface DriverQueueOptions {
  readonly size: number;
  /** Most buffers of one request. */
  readonly perSlot: number;
  readonly eventIdx?: boolean;
  readonly indirect?: boolean;
}

/**
 * The driver's side of a virtqueue. A request lives in a *slot*: its buffers are set once by `prepare` and it is sent
 * any number of times by `submit`, which allocates nothing.
 */
export interface DriverQueue {
  readonly kind: VirtqueueKind;
  readonly size: number;
  /** Slots 0 to `slots - 1` may be in flight at one time. */
  readonly slots: number;
  readonly addresses: RingAddresses;
  /** Bytes that the device wrote for the request which `collect` returned last. */
  readonly usedLength: number;
  /** Requests that were submitted and not yet collected. */
  readonly inFlight: number;
  /** What SET_VRING_BASE has to say to a device that knows nothing, so that it takes all that is not finished. */
  readonly base: number;
  /** Whether a device that answers `base` to GET_VRING_BASE can be right. */
  accepts(base: number): boolean;
  /** Set the buffers of the request in `slot`: those that the device reads first, then those that it writes. */
  prepare(slot: number, buffers: readonly Buffer[]): void;
  /** Put the request in `slot` into the ring; `publish` shows it to the device. */
  submit(slot: number): void;
  /** Show everything submitted to the device. Returns whether it wants to be notified. */
  publish(): boolean;
  /** The slot of the next request that the device has finished, or -1. `usedLength` is set with it. */
  collect(): number;
  /** Ask to be called at the next used buffer. Returns false where one is there already: collect it before sleeping. */
  armCall(): boolean;
  /** Ask not to be called: the driver looks by itself. A device may call all the same. */
  disarmCall(): void;
}
