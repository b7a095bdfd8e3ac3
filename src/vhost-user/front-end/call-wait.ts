import { FerryError } from '../../errors.ts';
import { drainEventfd, Poll, PollSet } from '../../sys/index.ts';
import type { Connection } from './connection.ts';
import { HangUpError } from './errors.ts';
import type { FrontEndRing } from './rings.ts';

const CONTROL = 0;
const REQUESTS = 1;
const RINGS = 2;
const PER_RING = 2;

/** Sleeps until a device calls, and looks after the rest of its back end meanwhile. Waiting allocates nothing. */
export class CallWait implements Disposable {
  #poll = new PollSet(RINGS + PER_RING);
  /** Rings that the poll set has room for. */
  #room = 1;

  /**
   * Wait for the call of any of the `count` rings from `first`, at most `milliseconds`. Returns whether one came. Throws
   * `HangUpError`, `ERR_RING_BROKEN`.
   */
  wait(
    rings: readonly FrontEndRing[],
    first: number,
    count: number,
    { channel, requests }: Connection,
    milliseconds: number,
  ): boolean {
    if (count > this.#room) this.#grow(count);
    const poll = this.#poll;
    const end = performance.now() + milliseconds;
    for (let i = 0; i < this.#room; i++) {
      const ring = i < count ? rings[first + i] : undefined;
      poll.set(RINGS + PER_RING * i, ring?.call.number ?? -1, Poll.in);
      poll.set(RINGS + PER_RING * i + 1, ring?.error.number ?? -1, Poll.in);
    }
    // Nothing is asked now, so that the end of the connection is all there can be
    poll.set(CONTROL, channel.number, 0);
    for (;;) {
      poll.set(REQUESTS, requests?.number ?? -1, Poll.in);
      poll.wait(Math.max(0, Math.ceil(end - performance.now())));
      let called = false;
      for (let i = 0; i < count; i++) {
        const ring = rings[first + i]!;
        if (poll.ready(RINGS + PER_RING * i) !== 0 && drainEventfd(ring.call.number)) called = true;
      }
      if (called) return true;
      for (let i = 0; i < count; i++) {
        const ring = rings[first + i]!;
        if (poll.ready(RINGS + PER_RING * i + 1) !== 0 && drainEventfd(ring.error.number)) throw broken(ring);
      }
      if (poll.ready(CONTROL) !== 0) throw gone(rings[first]!);
      if (poll.ready(REQUESTS) !== 0) requests?.serve();
      if (performance.now() >= end) return false;
    }
  }

  [Symbol.dispose](): void {
    this.#poll[Symbol.dispose]();
  }

  #grow(room: number): void {
    const larger = new PollSet(RINGS + PER_RING * room);
    this.#poll[Symbol.dispose]();
    this.#poll = larger;
    this.#room = room;
  }
}

function gone({ index }: FrontEndRing): HangUpError {
  const what = `the call of ring ${index}`;
  return new HangUpError(what, `The back end hung up while ${what} was awaited`);
}

function broken({ index }: FrontEndRing): FerryError {
  return new FerryError(
    'ERR_RING_BROKEN',
    `The back end says that ring ${index} is broken and serves it no more`,
  );
}
