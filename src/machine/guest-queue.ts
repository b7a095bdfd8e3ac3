import { DeadlineError } from '../errors.ts';
import type { FrontEnd } from '../vhost-user/index.ts';
import type { Buffer, DriverQueue } from '../virtio/index.ts';

/** How many looks at the ring lie between two at the clock and at the back end's own requests. */
const TURNS = 0x100000;

/** How a driver waits for the device: asleep until it is called, or looking at the ring all the time. */
export type Waiting = 'blocking' | 'spinning';

/** What a queue needs to know about the driver that it belongs to. */
export interface QueueOwner {
  readonly frontEnd: Pick<FrontEnd, 'kick' | 'waitForCall' | 'waitForCalls' | 'serveRequests'>;
  readonly waiting: Waiting;
  /** Longest wait for an answer, in milliseconds. */
  readonly deadline: number;
}

/** One virtqueue of a guest's driver, whichever back end serves it: sends the requests in its slots and waits for them. */
export class GuestQueue {
  readonly index: number;
  readonly queue: DriverQueue;
  readonly #owner: QueueOwner;

  constructor(owner: QueueOwner, index: number, queue: DriverQueue) {
    this.#owner = owner;
    this.index = index;
    this.queue = queue;
  }

  /** Send the request in `slot`, whose buffers these are, and wait for its answer. Returns the bytes written. */
  call(slot: number, buffers: readonly Buffer[]): number {
    this.queue.prepare(slot, buffers);
    this.queue.submit(slot);
    this.publish();
    this.await();
    return this.queue.usedLength;
  }

  /** Show the device what was submitted, and wake it where it wants to be. */
  publish(): void {
    if (this.queue.publish()) this.#owner.frontEnd.kick(this.index);
  }

  /** The slot of the next answer. Throws `ERR_DEADLINE` where none comes in time. */
  await(): number {
    const slot = this.queue.collect();
    if (slot >= 0) return slot;
    return this.#owner.waiting === 'spinning' ? this.#spin() : this.#sleep();
  }

  /**
   * Send the prepared requests of `slots`, each again as soon as it is answered, until `count` answers have come.
   * `answered` is told each slot before it is sent again, and may change its request's bytes. Allocates nothing.
   */
  stream(slots: readonly number[], count: number, answered?: (slot: number) => void): void {
    const { queue } = this;
    let toSend = count;
    for (const slot of slots) if (toSend-- > 0) queue.submit(slot);
    this.publish();
    let left = count;
    while (left > 0) {
      let slot = this.await();
      do {
        left--;
        answered?.(slot);
        if (toSend-- > 0) queue.submit(slot);
        slot = left > 0 ? queue.collect() : -1;
      } while (slot >= 0);
      this.publish();
    }
  }

  #spin(): number {
    const { queue } = this;
    queue.disarmCall();
    // Most answers come before anybody has looked at the clock
    for (let turn = 1, end = 0; ; turn++) {
      const slot = queue.collect();
      if (slot >= 0) return slot;
      if (turn % TURNS !== 0) continue;
      const now = performance.now();
      if (end === 0) end = now + this.#owner.deadline;
      if (now > end) throw noAnswer(this.#owner);
      this.#owner.frontEnd.serveRequests();
    }
  }

  #sleep(): number {
    const { queue } = this;
    const end = performance.now() + this.#owner.deadline;
    for (;;) {
      if (queue.armCall() && !this.#owner.frontEnd.waitForCall(this.index, end - performance.now()))
        throw noAnswer(this.#owner);
      const slot = queue.collect();
      if (slot >= 0) return slot;
    }
  }
}

/**
 * `GuestQueue.stream` over several queues at once: `count` answers in all, each slot sent again on the queue that it came
 * from. The queues follow one another in the device. `answered` is told the queue, by its place in `queues`, and the
 * slot.
 */
export function streamQueues(
  owner: QueueOwner,
  queues: readonly GuestQueue[],
  slots: readonly number[],
  count: number,
  answered?: (queue: number, slot: number) => void,
): void {
  const spinning = owner.waiting === 'spinning';
  let toSend = count;
  let left = count;
  for (const slot of slots) for (const { queue } of queues) if (toSend-- > 0) queue.submit(slot);
  for (const one of queues) one.publish();
  let end = 0;
  for (let turn = 1; left > 0; turn++) {
    const before = left;
    for (let i = 0; i < queues.length && left > 0; i++) {
      const { queue } = queues[i]!;
      const had = left;
      for (let slot = queue.collect(); slot >= 0; slot = left > 0 ? queue.collect() : -1) {
        left--;
        answered?.(i, slot);
        if (toSend-- > 0) queue.submit(slot);
      }
      if (left === had) continue;
      if (spinning) queue.disarmCall();
      queues[i]!.publish();
    }
    if (left !== before) {
      turn = 0;
      end = 0;
      continue;
    }
    if (spinning && turn % TURNS !== 0) continue;
    const now = performance.now();
    if (end === 0) end = now + owner.deadline;
    if (now > end) throw noAnswer(owner);
    if (spinning) owner.frontEnd.serveRequests();
    else if (armAll(queues)) owner.frontEnd.waitForCalls(queues[0]!.index, queues.length, end - now);
  }
}

/** Ask to be called by every queue. Returns false where one has an answer already. */
function armAll(queues: readonly GuestQueue[]): boolean {
  let quiet = true;
  for (const { queue } of queues) if (!queue.armCall()) quiet = false;
  return quiet;
}

function noAnswer({ deadline }: QueueOwner): DeadlineError {
  return new DeadlineError('An answer of the device', deadline);
}
