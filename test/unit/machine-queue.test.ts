/** How a guest's driver sends and waits, with a device that answers within the kick, or not at all. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { GuestQueue, type QueueOwner, streamQueues, type Waiting } from '../../src/machine/index.ts';
import { GuestRam } from '../../src/vhost-user/index.ts';
import { SplitDriverQueue } from '../../src/virtio/index.ts';

const SIZE = 8;
const SLOTS = [0, 1, 2, 3];

/** Queues of one buffer a slot, whose device finishes what it finds, the last request first. */
class Device implements QueueOwner, Disposable {
  readonly ram = new GuestRam(1 << 17);
  readonly deadline = 30;
  readonly waiting: Waiting;
  readonly queues: readonly GuestQueue[];
  /** Whether it answers. */
  alive = true;
  kicks = 0;
  served = 0;
  readonly #taken: number[] = [];

  constructor(waiting: Waiting, count = 1) {
    this.waiting = waiting;
    const layout = SplitDriverQueue.layoutLength(SIZE, 1);
    this.queues = Array.from({ length: count }, (_, index) => {
      const queue = new SplitDriverQueue(this.ram, this.ram.allocate(layout), { size: SIZE, perSlot: 1 });
      for (const slot of SLOTS)
        queue.prepare(slot, [{ address: this.ram.guestAddress, length: 1, writable: true }]);
      this.#taken.push(0);
      return new GuestQueue(this, index, queue);
    });
  }

  readonly frontEnd = {
    kick: (index: number) => {
      this.kicks++;
      if (this.alive) this.#serve(index);
    },
    waitForCall: () => false,
    waitForCalls: () => false,
    serveRequests: () => undefined,
  };

  [Symbol.dispose](): void {
    this.ram[Symbol.dispose]();
  }

  #serve(index: number): void {
    const { available, used } = this.queues[index]!.queue.addresses;
    const view = new DataView(this.ram.bytes.buffer, this.ram.bytes.byteOffset);
    const end = view.getUint16(available + 2, true);
    const found: number[] = [];
    for (; this.#taken[index] !== end; this.#taken[index]!++)
      found.unshift(view.getUint16(available + 4 + 2 * (this.#taken[index]! % SIZE), true));
    let at = view.getUint16(used + 2, true);
    for (const head of found) {
      view.setUint32(used + 4 + 8 * (at % SIZE), head, true);
      view.setUint32(used + 8 + 8 * (at % SIZE), 1, true);
      at = (at + 1) & 0xffff;
      this.served++;
    }
    view.setUint16(used + 2, at, true);
  }
}

for (const waiting of ['blocking', 'spinning'] as const)
  describe(waiting, () => {
    for (const count of [1, 3, 4, 5, 100])
      test(`${count} answers are ${count} answers`, () => {
        using device = new Device(waiting);
        const seen: number[] = [];
        device.queues[0]!.stream(SLOTS, count, (slot) => void seen.push(slot));
        assert.equal(seen.length, count);
        assert.equal(device.served, count);
        assert.equal(device.queues[0]!.queue.inFlight, 0);
        assert.equal(new Set(seen).size, Math.min(count, SLOTS.length));
        // What was answered together is sent together
        assert.ok(device.kicks <= Math.ceil(count / SLOTS.length) + 1, `${device.kicks} kicks`);
      });

    for (const count of [1, 7, 12, 13, 100])
      test(`${count} answers of three queues are ${count} answers`, () => {
        using device = new Device(waiting, 3);
        const seen: string[] = [];
        streamQueues(
          device,
          device.queues,
          SLOTS,
          count,
          (queue, slot) => void seen.push(`${queue} ${slot}`),
        );
        assert.equal(seen.length, count);
        assert.equal(device.served, count);
        assert.ok(device.queues.every(({ queue }) => queue.inFlight === 0));
        assert.equal(new Set(seen).size, Math.min(count, 3 * SLOTS.length));
      });

    test('a device that does not answer is waited for no longer than was said', () => {
      using device = new Device(waiting, 2);
      device.alive = false;
      const begun = performance.now();
      assert.throws(() => device.queues[0]!.stream(SLOTS, 1), { code: 'ERR_DEADLINE' });
      assert.throws(() => streamQueues(device, device.queues, SLOTS, 1), { code: 'ERR_DEADLINE' });
      assert.ok(performance.now() - begun < 5_000);
    });
  });
