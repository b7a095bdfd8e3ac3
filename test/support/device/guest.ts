import assert from 'node:assert/strict';
import { FrontEnd, type FrontEndOptions, GuestRam } from '../../../src/vhost-user/index.ts';
import { SplitDriverQueue } from '../../../src/virtio/index.ts';

const RAM_SIZE = 1024 * 1024;
const QUEUE_SIZE = 64;
const SLOT_SIZE = 64;
const ANSWER_AT = 32;

/** A guest with one virtqueue of small requests; it can change its back end and go on. */
export class SmallGuest implements Disposable {
  readonly ram = new GuestRam(RAM_SIZE);
  readonly queue: SplitDriverQueue;
  readonly #buffers: number;
  #frontEnd: FrontEnd | undefined;
  #base = 0;

  constructor() {
    const place = this.ram.allocate(SplitDriverQueue.layoutLength(QUEUE_SIZE, 2));
    this.queue = new SplitDriverQueue(this.ram, place, { size: QUEUE_SIZE, perSlot: 2, eventIdx: true });
    this.#buffers = this.ram.allocate(this.queue.slots * SLOT_SIZE);
    for (let slot = 0; slot < this.queue.slots; slot++) {
      const address = this.#buffers + slot * SLOT_SIZE;
      this.queue.prepare(slot, [
        { address, length: 8, writable: false },
        { address: address + ANSWER_AT, length: 8, writable: true },
      ]);
    }
  }

  get frontEnd(): FrontEnd {
    assert.ok(this.#frontEnd !== undefined, 'no front end is connected');
    return this.#frontEnd;
  }

  /** Connect to the back end at `path`, rings stopped. */
  attach(path: string, options?: FrontEndOptions): FrontEnd {
    this.detach();
    this.#frontEnd = FrontEnd.connect(path, options);
    this.#frontEnd.shareMemory(this.ram);
    this.#frontEnd.addRing(this.queue, this.#base);
    return this.#frontEnd;
  }

  /** Stop the rings and remember where they stood. */
  stop(): void {
    this.frontEnd.stop();
    this.#base = this.frontEnd.base(0);
  }

  detach(): void {
    this.#frontEnd?.[Symbol.dispose]();
    this.#frontEnd = undefined;
  }

  /** Send the two words of a request. */
  send(slot: number, first: number, second = 0): void {
    const view = this.#view(slot);
    view.setUint32(0, first, true);
    view.setUint32(4, second, true);
    view.setBigUint64(ANSWER_AT, 0xdead_beefn, true);
    this.queue.submit(slot);
    if (this.queue.publish()) this.frontEnd.kick(0);
  }

  /** The slot of the next answered request. */
  collect(milliseconds = 5_000): number {
    const end = performance.now() + milliseconds;
    for (;;) {
      const slot = this.queue.collect();
      if (slot >= 0) return slot;
      if (!this.queue.armCall()) continue;
      const left = end - performance.now();
      assert.ok(left > 0, 'no answer came');
      this.frontEnd.waitForCall(0, left);
    }
  }

  /** What the request in `slot` was answered with. */
  answer(slot: number): bigint {
    return this.#view(slot).getBigUint64(ANSWER_AT, true);
  }

  /** Send a request and return its answer. */
  ask(first: number, second = 0, slot = 0): bigint {
    this.send(slot, first, second);
    assert.equal(this.collect(), slot);
    return this.answer(slot);
  }

  [Symbol.dispose](): void {
    this.detach();
    this.ram[Symbol.dispose]();
  }

  #view(slot: number): DataView {
    const bytes = this.ram.view(this.#buffers + slot * SLOT_SIZE, SLOT_SIZE);
    return new DataView(bytes.buffer, bytes.byteOffset, SLOT_SIZE);
  }
}

/** Save a suspended back end's state into memory. */
export function saveState(frontEnd: FrontEnd): Uint8Array {
  const pieces: Uint8Array[] = [];
  frontEnd.saveState((piece) => void pieces.push(piece.slice()));
  return new Uint8Array(Buffer.concat(pieces));
}
