import assert from 'node:assert/strict';
import { type DriverOptions, GuestDriver } from '../../../src/machine/index.ts';
import type { GuestRam } from '../../../src/vhost-user/index.ts';
import { Operation } from './desk-device.ts';

const SLOT = 64;
const PIECE_AT = 16;
const ANSWER_AT = 32;
const UNANSWERED = 0xdead_beefn;

/** A guest of the desk device: requests of three descriptors, in memory that may lie anywhere. */
export class DeskGuest extends GuestDriver {
  readonly #areas: number;

  constructor(options: DriverOptions & { queues?: number } = {}) {
    const { queues = 1, queueSize = 64 } = options;
    super({ queues, perSlot: 3, memory: queues * queueSize * SLOT + 8192 }, { queueSize, ...options });
    this.#areas = this.ram.allocate(queues * queueSize * SLOT);
  }

  /** Slots of each queue. */
  get slots(): number {
    return this.queues[0]!.queue.slots;
  }

  /** Put a request into a ring without showing it; its bytes lie in `ram`. */
  submit(slot: number, operation: keyof typeof Operation, argument = 0, queue = 0, ram = this.ram): void {
    const { queue: ring } = this.queues[queue]!;
    const address = this.#address(slot, queue, ram);
    const view = viewOf(ram, address);
    view.setUint32(0, Operation[operation], true);
    view.setUint32(PIECE_AT, argument, true);
    view.setBigUint64(ANSWER_AT, UNANSWERED, true);
    ring.prepare(slot, [
      { address, length: 4, writable: false },
      { address: address + PIECE_AT, length: 8, writable: false },
      { address: address + ANSWER_AT, length: 8, writable: true },
    ]);
    ring.submit(slot);
  }

  /** Send a request. */
  send(slot: number, operation: keyof typeof Operation, argument = 0, queue = 0, ram = this.ram): void {
    this.submit(slot, operation, argument, queue, ram);
    this.queues[queue]!.publish();
  }

  /** The slots of the next `count` answers. */
  collect(count: number, queue = 0): number[] {
    return Array.from({ length: count }, () => this.queues[queue]!.await());
  }

  /** What a request was answered with; undefined where it was not. */
  answer(slot: number, queue = 0, ram = this.ram): bigint | undefined {
    const answer = viewOf(ram, this.#address(slot, queue, ram)).getBigUint64(ANSWER_AT, true);
    return answer === UNANSWERED ? undefined : answer;
  }

  /** Send a request, and make sure that it is answered next. */
  ask(slot: number, operation: keyof typeof Operation, argument = 0, queue = 0): bigint {
    this.send(slot, operation, argument, queue);
    assert.deepEqual(this.collect(1, queue), [slot]);
    return this.answer(slot, queue)!;
  }

  #address(slot: number, queue: number, ram: GuestRam): number {
    const offset = (queue * this.slots + slot) * SLOT;
    return ram === this.ram ? this.#areas + offset : ram.guestAddress + offset;
  }
}

function viewOf(ram: GuestRam, address: number): DataView {
  const bytes = ram.view(address, SLOT);
  return new DataView(bytes.buffer, bytes.byteOffset, SLOT);
}
