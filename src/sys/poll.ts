import { Errno, systemError } from './errno.ts';
import * as libc from './libc.ts';
import { type Mapping, mapAnonymous } from './mapping.ts';

/** Event bits of poll(2). */
export const Poll = { in: 1, out: 4, err: 8, hup: 16, nval: 32 } as const;

/** A fixed number of slots for poll(2), in mapped memory: setting, waiting and asking allocate nothing. */
export class PollSet implements Disposable {
  readonly capacity: number;
  readonly #mapping: Mapping;
  readonly #fds: Int32Array;
  readonly #events: Int16Array;
  #used = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.#mapping = mapAnonymous(capacity * 8, 'poll set');
    this.#fds = new Int32Array(this.#mapping.buffer, 0, capacity * 2);
    this.#events = new Int16Array(this.#mapping.buffer, 0, capacity * 4);
    for (let slot = 0; slot < capacity; slot++) this.#fds[slot * 2] = -1;
  }

  /** Watch descriptor `number` in `slot` for `events` (`Poll` bits). */
  set(slot: number, number: number, events: number): void {
    if (slot < 0 || slot >= this.capacity) throw new RangeError(`Poll slot ${slot} of ${this.capacity}`);
    this.#fds[slot * 2] = number;
    this.#events[slot * 4 + 2] = events;
    this.#events[slot * 4 + 3] = 0;
    if (slot >= this.#used) this.#used = slot + 1;
  }

  /** Watch nothing in `slot` any more. */
  clear(slot: number): void {
    this.set(slot, -1, 0);
  }

  /** What the last `wait` found in `slot`: `Poll` bits, 0 for nothing. */
  ready(slot: number): number {
    return this.#events[slot * 4 + 3] ?? 0;
  }

  /** Sleep until something is ready, at most `milliseconds` (-1: for ever). Returns how many slots are. */
  wait(milliseconds: number): number {
    const count = libc.poll(this.#mapping.address, this.#used, milliseconds);
    if (count >= 0) return count;
    if (libc.errno() !== Errno.EINTR) throw systemError('poll');
    for (let slot = 0; slot < this.#used; slot++) this.#events[slot * 4 + 3] = 0;
    return 0;
  }

  [Symbol.dispose](): void {
    this.#mapping[Symbol.dispose]();
  }
}
