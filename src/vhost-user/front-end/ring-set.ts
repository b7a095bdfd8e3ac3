import { FerryError } from '../../errors.ts';
import { signalEventfd } from '../../sys/index.ts';
import type { DriverQueue } from '../../virtio/index.ts';
import { CallWait } from './call-wait.ts';
import type { Connection } from './connection.ts';
import type { SharedRegion } from './memory.ts';
import { FrontEndRing } from './rings.ts';

/** All rings of a device, over whichever connection it is reached. */
export class RingSet implements Disposable {
  readonly #rings: FrontEndRing[] = [];
  readonly #wait = new CallWait();
  /** Whether they are meant to run: a back end that comes back is to run them again. */
  running = false;

  /** Give the next ring its queue. Returns the ring's index. */
  add(queue: DriverQueue, base?: number): number {
    const index = this.#rings.length;
    this.#rings.push(new FrontEndRing(index, queue, base));
    return index;
  }

  /** Throws a `RangeError` where there is no such ring. */
  at(index: number): FrontEndRing {
    const ring = this.#rings[index];
    if (ring === undefined) throw new RangeError(`Ring ${index}, there are ${this.#rings.length}`);
    return ring;
  }

  /** Throw `ERR_TOO_MANY_RINGS` where the back end has fewer queues; undefined where it did not say. */
  refuseMoreThan(queues: number | undefined): void {
    if (this.#rings.length > (queues ?? Infinity))
      throw new FerryError(
        'ERR_TOO_MANY_RINGS',
        `${this.#rings.length} rings cannot be started, the back end has ${queues}`,
      );
  }

  /** Set up, kick and enable every ring. Throws `ERR_RING_KIND`. */
  start({ messages }: Connection, logging: boolean): void {
    this.running = true;
    for (const ring of this.#rings) messages.start(ring, logging);
    for (const ring of this.#rings) messages.enable(ring, 1);
  }

  /** Disable and stop every ring. The first failure is thrown when all have been told. */
  stop({ messages }: Connection): void {
    this.running = false;
    for (const ring of this.#rings) messages.enable(ring, 0);
    const failures: unknown[] = [];
    for (const ring of this.#rings)
      try {
        messages.stop(ring);
      } catch (error) {
        failures.push(error);
      }
    if (failures.length > 0) throw failures[0];
  }

  /** Tell the back end of running rings that their writes are to be logged, or no longer. */
  followLog({ messages }: Connection, logging: boolean): void {
    for (const ring of this.#rings) if (ring.started) messages.addresses(ring, logging);
  }

  /** The back end has gone without a word: the rings that it ran begin where it had finished. */
  lose(): void {
    for (const ring of this.#rings) {
      if (ring.started) ring.base = ring.queue.base;
      ring.started = false;
    }
  }

  /** Throw `ERR_REGION_IN_USE` where a running ring lies in a region. */
  refuseWithin({ guestAddress, size }: SharedRegion): void {
    const inside = (address: number) => address >= guestAddress && address < guestAddress + size;
    const ring = this.#rings.find(
      ({ started, queue }) => started && Object.values(queue.addresses).some(inside),
    );
    if (ring === undefined) return;
    throw new FerryError(
      'ERR_REGION_IN_USE',
      `Ring ${ring.index} runs in the region that is to be taken back`,
    );
  }

  /** Tell the device that a ring has something new. */
  kick(index: number): void {
    signalEventfd(this.#rings[index]!.kick.number);
  }

  /** See `CallWait`. */
  wait(first: number, count: number, connection: Connection, milliseconds: number): boolean {
    return this.#wait.wait(this.#rings, first, count, connection, milliseconds);
  }

  [Symbol.dispose](): void {
    for (const ring of this.#rings) ring[Symbol.dispose]();
    this.#rings.length = 0;
    this.#wait[Symbol.dispose]();
  }
}
