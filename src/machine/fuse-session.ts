import { OUT_HEADER } from '../fuse/index.ts';
import type { Buffer } from '../virtio/index.ts';
import { type DriverOptions, GuestDriver } from './guest-driver.ts';
import { type GuestQueue, streamQueues } from './guest-queue.ts';

const PER_SLOT = 4;
/** Requests longer than this carry data, which Linux sends in buffers of its own behind header and arguments. */
const ARGUMENTS = 256;
const HEADROOM = 4096;

export interface FuseSessionOptions extends DriverOptions {
  /** Request queues, beside the hiprio queue; 1 unless given. */
  readonly queues?: number;
  /** Requests that can be in flight at one time on each queue, at most its size. */
  readonly depth?: number;
  /** Largest payload of one request or reply, in bytes. */
  readonly maxData?: number;
}

/** A guest's virtio-fs driver: memory, a hiprio and one or more request queues, and FUSE requests over them. */
export class FuseSession extends GuestDriver {
  readonly depth: number;
  readonly #hiprio: GuestQueue;
  readonly #requestQueues: readonly GuestQueue[];
  readonly #areaLength: number;
  /** Where requests and replies lie, by queue and slot. */
  readonly #requests: number[] = [];
  readonly #replies: number[] = [];

  constructor(options: FuseSessionOptions = {}) {
    const { depth = 1, queues = 1, maxData = 1 << 20 } = options;
    const areaLength = maxData + HEADROOM;
    const memory = 2 * queues * depth * (areaLength + HEADROOM);
    super({ queues: 1 + queues, perSlot: PER_SLOT, memory }, options);
    this.depth = depth;
    this.#areaLength = areaLength;
    this.#hiprio = this.queues[0]!;
    this.#requestQueues = this.queues.slice(1);
    for (let slot = 0; slot < queues * depth; slot++) {
      this.#requests.push(this.ram.allocate(areaLength));
      this.#replies.push(this.ram.allocate(areaLength));
    }
  }

  /** Put an encoded request into `slot` of a request queue, with room for a reply of `room` bytes, header included. */
  prepare(slot: number, request: Uint8Array, room: number, queue = 0): void {
    this.#requestQueue(queue).queue.prepare(slot, this.#place(slot, request, room, queue));
  }

  /**
   * Send the prepared requests of `slots` on the first request queue, each again as soon as it is answered, until
   * `count` answers have come. `answered` is told each slot before it is sent again, and may change its request's bytes.
   */
  stream(slots: readonly number[], count: number, answered?: (slot: number) => void): void {
    this.#requestQueue(0).stream(slots, count, answered);
  }

  /** `stream` over all request queues at once, `count` answers in all; `answered` is told the queue and the slot. */
  streamAll(slots: readonly number[], count: number, answered?: (queue: number, slot: number) => void): void {
    streamQueues(this, this.#requestQueues, slots, count, answered);
  }

  /** The request in `slot`, header included. */
  request(slot: number, length = this.#areaLength, queue = 0): Uint8Array<ArrayBuffer> {
    return this.ram.view(this.#requests[queue * this.depth + slot]!, length);
  }

  /** The reply in `slot`, header included, of which the device may have written less than `length`. */
  reply(slot: number, length = this.#areaLength, queue = 0): Uint8Array<ArrayBuffer> {
    return this.ram.view(this.#replies[queue * this.depth + slot]!, length);
  }

  /** `transportOn(0)` */
  readonly transport = this.transportOn(0);

  /**
   * What a `FuseClient` wants for a transport: one request from start to end, by the hiprio queue if it has `priority`, by
   * request queue `queue` else. Returns the reply with its header, valid until the next request; nothing where `room` is
   * 0.
   */
  transportOn(queue: number): (request: Uint8Array, room: number, priority: boolean) => Uint8Array {
    return (request, room, priority) => {
      const by = priority ? this.#hiprio : this.#requestQueue(queue);
      return this.reply(0, by.call(0, this.#place(0, request, room, queue)), queue);
    };
  }

  #requestQueue(queue: number): GuestQueue {
    const found = this.#requestQueues[queue];
    if (found === undefined) throw new RangeError(`Request queue ${queue} of ${this.#requestQueues.length}`);
    return found;
  }

  #place(slot: number, request: Uint8Array, room: number, queue: number): Buffer[] {
    if (Math.max(request.length, room) > this.#areaLength)
      throw new RangeError(
        `A request of ${request.length} bytes, reply of ${room}: at most ${this.#areaLength}`,
      );
    const at = this.#requests[queue * this.depth + slot]!;
    const reply = this.#replies[queue * this.depth + slot]!;
    this.ram.view(at, request.length).set(request);
    const head = Math.min(request.length, ARGUMENTS);
    const buffers: Buffer[] = [{ address: at, length: head, writable: false }];
    if (request.length > head)
      buffers.push({ address: at + head, length: request.length - head, writable: false });
    if (room > 0) buffers.push({ address: reply, length: Math.min(room, OUT_HEADER), writable: true });
    if (room > OUT_HEADER)
      buffers.push({ address: reply + OUT_HEADER, length: room - OUT_HEADER, writable: true });
    return buffers;
  }
}
