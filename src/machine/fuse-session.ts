import { DeadlineError, FerryError } from '../errors.ts';
import { OUT_HEADER } from '../fuse/index.ts';
import { FrontEnd, type FrontEndOptions, GuestRam } from '../vhost-user/index.ts';
import { type Buffer, type DriverQueue, SplitDriverQueue } from '../virtio/index.ts';

const QUEUE_SIZE = 128;
const PER_SLOT = 4;
const HIPRIO = 0;
const REQUESTS = 1;
/** Requests longer than this carry data, which Linux sends in buffers of its own behind header and arguments. */
const ARGUMENTS = 256;
const HEADROOM = 4096;
/** How many looks at the ring lie between two at the clock. */
const TURNS = 0x100000;

/** How a session waits for the device: asleep until it is called, or looking at the ring all the time. */
export type Waiting = 'blocking' | 'spinning';

export interface FuseSessionOptions {
  /** Requests that can be in flight at one time, at most 128. */
  readonly depth?: number;
  /** Largest payload of one request or reply, in bytes. */
  readonly maxData?: number;
  readonly waiting?: Waiting;
  /** Longest wait for a reply, in milliseconds. */
  readonly deadline?: number;
  readonly indirect?: boolean;
}

/**
 * A guest's virtio-fs driver: memory, a hiprio and a request queue, and FUSE requests over them. Memory and rings
 * belong to the guest, so it can leave one back end and go on with the next, which finds the rings where the first one
 * left them. It blocks the calling thread.
 */
export class FuseSession implements Disposable {
  readonly ram: GuestRam;
  readonly depth: number;
  waiting: Waiting;
  readonly #hiprio: DriverQueue;
  readonly #queue: DriverQueue;
  readonly #areaLength: number;
  readonly #requests: number[] = [];
  readonly #replies: number[] = [];
  readonly #deadline: number;
  #frontEnd: FrontEnd | undefined;
  #bases: [hiprio: number, requests: number] = [0, 0];

  constructor(options: FuseSessionOptions = {}) {
    this.depth = options.depth ?? 1;
    this.waiting = options.waiting ?? 'blocking';
    this.#deadline = options.deadline ?? 10_000;
    this.#areaLength = (options.maxData ?? 1 << 20) + HEADROOM;
    const layout = SplitDriverQueue.layoutLength(QUEUE_SIZE, PER_SLOT);
    this.ram = new GuestRam(2 * (layout + this.depth * this.#areaLength + HEADROOM) + 2 ** 16);
    const shape = { size: QUEUE_SIZE, perSlot: PER_SLOT, eventIdx: true, indirect: options.indirect ?? true };
    this.#hiprio = new SplitDriverQueue(this.ram, this.ram.allocate(layout), shape);
    this.#queue = new SplitDriverQueue(this.ram, this.ram.allocate(layout), shape);
    for (let slot = 0; slot < this.depth; slot++) {
      this.#requests.push(this.ram.allocate(this.#areaLength));
      this.#replies.push(this.ram.allocate(this.#areaLength));
    }
  }

  /** The back end's other end; throws while the session is attached to none. */
  get frontEnd(): FrontEnd {
    if (this.#frontEnd === undefined)
      throw new FerryError('ERR_DETACHED', 'The session is attached to no back end');
    return this.#frontEnd;
  }

  /** Connect to the back end at `path` and share the guest's memory with it: it can then be `adopt`ed at any time. */
  prepareBackEnd(path: string, options?: FrontEndOptions): FrontEnd {
    const frontEnd = FrontEnd.connect(path, options);
    try {
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
    frontEnd.addRing(this.#hiprio, this.#bases[HIPRIO]);
    frontEnd.addRing(this.#queue, this.#bases[REQUESTS]);
  }

  start(): void {
    this.frontEnd.start();
  }

  /** Stop the rings and note where they stand. Afterwards the device is suspended. */
  stop(): void {
    this.frontEnd.stop();
    this.#bases = [this.frontEnd.base(HIPRIO), this.frontEnd.base(REQUESTS)];
  }

  /** Put an encoded request into `slot`, with room for a reply of `room` bytes, its header included. */
  prepare(slot: number, request: Uint8Array, room: number): void {
    this.#queue.prepare(slot, this.#place(slot, request, room));
  }

  /**
   * Send the prepared requests of `slots`, each again as soon as it is answered, until `count` answers have come.
   * `answered` is told each slot before it is sent again, and may change its request's bytes.
   */
  stream(slots: readonly number[], count: number, answered?: (slot: number) => void): void {
    const queue = this.#queue;
    let toSend = count;
    for (const slot of slots) if (toSend-- > 0) queue.submit(slot);
    if (queue.publish()) this.frontEnd.kick(REQUESTS);
    for (let left = count; left > 0; left--) {
      const slot = this.#await(REQUESTS, queue);
      answered?.(slot);
      if (toSend-- <= 0) continue;
      queue.submit(slot);
      if (queue.publish()) this.frontEnd.kick(REQUESTS);
    }
  }

  /** The request in `slot`, header included. */
  request(slot: number, length = this.#areaLength): Uint8Array<ArrayBuffer> {
    return this.ram.view(this.#requests[slot]!, length);
  }

  /** The reply in `slot`, header included, of which the device may have written less than `length`. */
  reply(slot: number, length = this.#areaLength): Uint8Array<ArrayBuffer> {
    return this.ram.view(this.#replies[slot]!, length);
  }

  /**
   * One request from start to end, by the hiprio queue if it has `priority`: what a `FuseClient` wants for a transport.
   * Returns the reply with its header, valid until the next request; nothing where `room` is 0.
   */
  readonly transport = (request: Uint8Array, room: number, priority: boolean): Uint8Array => {
    const [ring, queue] = priority ? [HIPRIO, this.#hiprio] : [REQUESTS, this.#queue];
    queue.prepare(0, this.#place(0, request, room));
    queue.submit(0);
    if (queue.publish()) this.frontEnd.kick(ring);
    this.#await(ring, queue);
    return this.reply(0, queue.usedLength);
  };

  [Symbol.dispose](): void {
    this.#frontEnd?.[Symbol.dispose]();
    this.#frontEnd = undefined;
    this.ram[Symbol.dispose]();
  }

  #place(slot: number, request: Uint8Array, room: number): Buffer[] {
    if (Math.max(request.length, room) > this.#areaLength)
      throw new RangeError(
        `A request of ${request.length} bytes, reply of ${room}: at most ${this.#areaLength}`,
      );
    const at = this.#requests[slot]!;
    const reply = this.#replies[slot]!;
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

  #await(ring: number, queue: DriverQueue): number {
    const slot = queue.collect();
    if (slot >= 0) return slot;
    const end = performance.now() + this.#deadline;
    return this.waiting === 'spinning' ? this.#spin(queue, end) : this.#sleep(ring, queue, end);
  }

  #spin(queue: DriverQueue, end: number): number {
    queue.disarmCall();
    for (let turn = 1; ; turn++) {
      const slot = queue.collect();
      if (slot >= 0) return slot;
      if (turn % TURNS === 0 && performance.now() > end) throw new DeadlineError('A reply', this.#deadline);
    }
  }

  #sleep(ring: number, queue: DriverQueue, end: number): number {
    for (;;) {
      if (queue.armCall() && !this.frontEnd.waitForCall(ring, this.#deadline) && performance.now() > end)
        throw new DeadlineError('A reply', this.#deadline);
      const slot = queue.collect();
      if (slot >= 0) return slot;
    }
  }
}
