import type { Socket } from 'node:net';
import { type Part, partsOf } from './parts.ts';

/** Towards the destination of a transfer, or back. */
export type Direction = 'forth' | 'back';

/** A part on its way. */
export interface Passage extends Part {
  readonly link: Link;
  readonly direction: Direction;
}

/**
 * Sees each part before it goes on. What it waits for stops this direction of this connection, and nothing else. It may say
 * in what pieces the part goes on, in bytes.
 */
export type Tap = (passage: Passage) => unknown;

/** One connection through a relay: each part of it goes on when the tap has returned. */
export class Link {
  /** What it is; unknown until its first bytes have said so. */
  role: 'main' | 'channel' | 'unknown' = 'unknown';
  /** Of a channel: which one, and its how manieth connection, from 0 on. */
  id = -1;
  attempt = -1;
  /** Resolves when nothing of it is open any more. */
  readonly closed: Promise<unknown>;
  readonly #front: Socket;
  readonly #back: Socket;
  readonly #tap: Tap;
  #isLast = false;

  /** `front` leads to the source, `back` to the destination. */
  constructor(front: Socket, back: Socket, tap: Tap) {
    this.#front = front;
    this.#back = back;
    this.#tap = tap;
    this.closed = Promise.all(
      [front, back].map((socket) => {
        socket.setNoDelay(true);
        // An end that is killed resets its connections: the other one is told
        socket.on('error', () => this.cut());
        return new Promise((resolve) => socket.once('close', resolve));
      }),
    );
    // What is broken at one side is broken at the other
    this.#carry('forth', front, back).catch(() => this.cut());
    this.#carry('back', back, front).catch(() => this.cut());
  }

  /** Break it off: each end sees it end, or reset where it says more, and what was on its way is lost. */
  cut(): void {
    for (const socket of [this.#front, this.#back]) socket.destroy();
  }

  /** Break it off behind the part that is passing now. */
  cutBehind(): void {
    this.#isLast = true;
  }

  /** End one direction of it, in good order as far as its reader sees. What its writer still says is lost. */
  endHalf(direction: Direction): void {
    (direction === 'forth' ? this.#back : this.#front).end();
  }

  async #carry(direction: Direction, from: Socket, to: Socket): Promise<void> {
    for await (const part of partsOf(from.iterator({ destroyOnReturn: false }))) {
      if (part.name === 'message') this.role = 'main';
      if (part.hello !== undefined && direction === 'forth') {
        this.role = 'channel';
        this.id = part.hello.id;
        this.attempt = part.hello.attempt;
      }
      const size = await this.#tap({ ...part, link: this, direction });
      if (to.writable) await write(to, part.bytes, typeof size === 'number' ? size : part.bytes.length);
      if (this.#isLast) this.cut();
    }
    to.end();
  }
}

/** Resolves when all of it is on its way, or nothing more can be. */
async function write(to: Socket, bytes: Buffer, size: number): Promise<void> {
  for (let at = 0; at < bytes.length && to.writable; at += size) {
    if (to.write(bytes.subarray(at, at + size))) continue;
    const flowing = Promise.withResolvers<void>();
    to.once('drain', flowing.resolve);
    to.once('close', flowing.resolve);
    await flowing.promise;
    to.off('drain', flowing.resolve);
    to.off('close', flowing.resolve);
  }
}
