import { FerryError } from '../errors.ts';
import {
  FRONT_END_PROTOCOL_FEATURES,
  FrontEnd,
  type FrontEndOptions,
  GuestRam,
  type InflightRegion,
  VirtioFeature,
} from '../vhost-user/index.ts';
import { type DriverQueue, PackedDriverQueue, SplitDriverQueue } from '../virtio/index.ts';
import { GuestQueue, type QueueOwner, type Waiting } from './guest-queue.ts';

/** How a guest's driver drives its device. */
export interface DriverOptions {
  /** Entries of each queue, a power of two; 128 unless given. */
  readonly queueSize?: number;
  readonly waiting?: Waiting;
  /** Longest wait for an answer, in milliseconds; 10 s unless given. */
  readonly deadline?: number;
  /** Packed rings in place of split ones; the back end has to offer them. */
  readonly packed?: boolean;
  /** Requests described in tables of their own. */
  readonly indirect?: boolean;
  /** Notifications by event index. */
  readonly eventIdx?: boolean;
  /** Virtio features of the device to accept where they are offered, beside the transport's. */
  readonly features?: bigint;
  /** Keep what the back end notes about requests in flight, for one that dies and comes back. */
  readonly inflight?: boolean;
}

/** What a kind of device needs of its driver. */
export interface DriverShape {
  readonly queues: number;
  /** Most buffers of one request. */
  readonly perSlot: number;
  /** Bytes of guest memory beside the queues. */
  readonly memory: number;
}

/**
 * A guest's driver of one device: memory and virtqueues, which belong to the guest, so that it can leave one back end and
 * go on with the next, which finds the rings where the first one left them. It blocks the calling thread.
 */
export abstract class GuestDriver implements QueueOwner, Disposable {
  readonly ram: GuestRam;
  readonly deadline: number;
  waiting: Waiting;
  /** All queues of the device, in its order. */
  readonly queues: readonly GuestQueue[];
  readonly #required: bigint;
  readonly #wanted: bigint;
  readonly #keepsInflight: boolean;
  #inflight: InflightRegion | undefined;
  #frontEnd: FrontEnd | undefined;
  #bases: number[];

  constructor({ queues, perSlot, memory }: DriverShape, options: DriverOptions) {
    const {
      queueSize: size = 128,
      indirect = true,
      eventIdx = true,
      packed = false,
      features = 0n,
    } = options;
    this.deadline = options.deadline ?? 10_000;
    this.waiting = options.waiting ?? 'blocking';
    this.#keepsInflight = options.inflight ?? false;
    this.#required =
      VirtioFeature.VERSION_1 |
      (indirect ? VirtioFeature.INDIRECT_DESC : 0n) |
      (eventIdx ? VirtioFeature.EVENT_IDX : 0n) |
      (packed ? VirtioFeature.RING_PACKED : 0n);
    this.#wanted = this.#required | VirtioFeature.LOG_ALL | VirtioFeature.PROTOCOL_FEATURES | features;
    const Queue = packed ? PackedDriverQueue : SplitDriverQueue;
    const layout = Queue.layoutLength(size, perSlot);
    this.ram = new GuestRam(queues * layout + memory);
    this.queues = Array.from({ length: queues }, (_, index) => {
      const queue: DriverQueue = new Queue(this.ram, this.ram.allocate(layout), {
        size,
        perSlot,
        eventIdx,
        indirect,
      });
      return new GuestQueue(this, index, queue);
    });
    this.#bases = this.queues.map(({ queue }) => queue.base);
  }

  /** The back end's other end; throws `ERR_DETACHED` while there is none. */
  get frontEnd(): FrontEnd {
    if (this.#frontEnd === undefined)
      throw new FerryError('ERR_DETACHED', 'The driver is attached to no back end');
    return this.#frontEnd;
  }

  /** The back end's notes on requests in flight, where they are kept and there are some. */
  get inflight(): InflightRegion | undefined {
    return this.#inflight;
  }

  /**
   * Connect to the back end at `path` and share the guest's memory with it: it can then be `adopt`ed at any time. Throws
   * `ERR_NOT_OFFERED` where it lacks what the queues need.
   */
  prepareBackEnd(path: string, options?: FrontEndOptions): FrontEnd {
    const protocolFeatures = this.#keepsInflight ? { protocolFeatures: FRONT_END_PROTOCOL_FEATURES } : {};
    const frontEnd = FrontEnd.connect(path, { features: this.#wanted, ...protocolFeatures, ...options });
    try {
      this.#refuseMissing(frontEnd);
      frontEnd.shareMemory(this.ram);
      return frontEnd;
    } catch (error) {
      frontEnd[Symbol.dispose]();
      throw error;
    }
  }

  /** Go on with another back end, whose rings stay stopped until `start`. The one before is hung up on. */
  adopt(frontEnd: FrontEnd): void {
    this.#frontEnd?.[Symbol.dispose]();
    this.#frontEnd = frontEnd;
    for (const [index, { queue }] of this.queues.entries()) frontEnd.addRing(queue, this.#bases[index]);
    if (this.#inflight !== undefined) frontEnd.setInflight(this.#inflight);
    else if (this.#keepsInflight)
      this.#inflight = frontEnd.getInflight({
        queues: this.queues.length,
        queueSize: Math.max(...this.queues.map(({ queue }) => queue.size)),
      });
  }

  /** Connect to the back end at `path`, and start. */
  connect(path: string, options?: FrontEndOptions): void {
    this.adopt(this.prepareBackEnd(path, options));
    this.start();
  }

  /** Go on with the same back end, which died or hung up and listens at `path` again; rings that ran are started. */
  reconnect(path: string): void {
    this.frontEnd.reconnect(path);
  }

  start(): void {
    this.frontEnd.start();
  }

  /** Stop the rings and note where they stand. Afterwards the device is suspended. */
  stop(): void {
    this.frontEnd.stop();
    this.#bases = this.queues.map(({ index }) => this.frontEnd.base(index));
  }

  [Symbol.dispose](): void {
    this.#frontEnd?.[Symbol.dispose]();
    this.#frontEnd = undefined;
    this.#inflight?.[Symbol.dispose]();
    this.#inflight = undefined;
    this.ram[Symbol.dispose]();
  }

  #refuseMissing(frontEnd: FrontEnd): void {
    const missing = Object.entries(VirtioFeature).filter(
      ([, bit]) => (this.#required & ~frontEnd.features & bit) !== 0n,
    );
    if (missing.length === 0) return;
    const names = missing.map(([name]) => name).join(', ');
    throw new FerryError(
      'ERR_NOT_OFFERED',
      `The back end does not offer ${names}, which the driver's queues need`,
    );
  }
}
