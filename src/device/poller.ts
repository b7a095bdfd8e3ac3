import { FerryError } from '../errors.ts';
import { PollSet } from '../sys/index.ts';
import { MAX_WATCHES } from './limits.ts';

/**
 * `front-end`: connections and kicks. `device`: what a device watches. `control`: the operator, who is heard even while
 * a transfer keeps the thread busy.
 */
export type WatchGroup = 'front-end' | 'device' | 'control';

/** One descriptor being watched, until it is disposed of. */
export interface Watch extends Disposable {
  /** Wait for other `Poll` bits from now on. */
  update(events: number): void;
}

/** What has a descriptor: an `Fd`, or a session. */
export interface HasDescriptor {
  readonly number: number;
}

interface Watched {
  readonly of: HasDescriptor;
  events: number;
  readonly group: WatchGroup;
  readonly callback: (ready: number) => void;
}

/** One blocking poll(2) over everything that a thread waits for. Waiting and dispatching allocate nothing. */
export class Poller implements Disposable {
  readonly #set = new PollSet(MAX_WATCHES);
  readonly #watched: (Watched | undefined)[] = [];
  readonly #free: number[] = [];
  /** When the clock was looked at last: after every wait, and whenever its owner looks. */
  now = performance.now();

  /** Have `callback` called by `dispatch` when `of` is ready for `events`, until the result is disposed of. */
  watch(group: WatchGroup, of: HasDescriptor, events: number, callback: (ready: number) => void): Watch {
    const slot = this.#free.pop() ?? this.#watched.length;
    if (slot === MAX_WATCHES)
      throw new FerryError(
        'ERR_TOO_MANY_WATCHES',
        `Descriptor ${of.number} cannot be watched: ${MAX_WATCHES} others are`,
      );
    this.#set.set(slot, of.number, events);
    const watched: Watched = { of, events, group, callback };
    this.#watched[slot] = watched;
    return {
      update: (events) => {
        if (this.#watched[slot] !== watched || watched.events === events) return;
        watched.events = events;
        this.#set.set(slot, of.number, events);
      },
      [Symbol.dispose]: () => {
        if (this.#watched[slot] !== watched) return;
        this.#watched[slot] = undefined;
        this.#set.clear(slot);
        this.#free.push(slot);
      },
    };
  }

  /** Sleep until something is ready, at most `milliseconds` (-1: for ever). Returns how many descriptors are. */
  wait(milliseconds: number): number {
    const ready = this.#set.wait(milliseconds);
    this.now = performance.now();
    return ready;
  }

  /** Call back for everything that the last `wait` found, or only for one group. */
  dispatch(group?: WatchGroup): void {
    for (let slot = 0; slot < this.#watched.length; slot++) {
      const watched = this.#watched[slot];
      if (watched === undefined || (group !== undefined && watched.group !== group)) continue;
      const ready = this.#set.ready(slot);
      if (ready !== 0) watched.callback(ready);
    }
  }

  /**
   * Wait for one group alone, at most `milliseconds`, and call back: for code that runs within a callback and must not
   * let in what the other groups have to say.
   */
  waitOnly(group: WatchGroup, milliseconds: number): void {
    const members = this.#watched.filter((watched) => watched?.group === group);
    using set = new PollSet(Math.max(1, members.length));
    for (const [slot, watched] of members.entries()) set.set(slot, watched!.of.number, watched!.events);
    set.wait(milliseconds);
    this.now = performance.now();
    for (const [slot, watched] of members.entries()) {
      const ready = set.ready(slot);
      if (ready !== 0 && this.#watched.includes(watched)) watched!.callback(ready);
    }
  }

  [Symbol.dispose](): void {
    this.#set[Symbol.dispose]();
  }
}
