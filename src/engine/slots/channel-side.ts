import { type ArenaView, deviceTitle, viewArena } from './arena.ts';
import { SlotError } from './errors.ts';
import { DEFAULT_SLOT_WAIT, STUCK_AFTER } from './limits.ts';
import { Lock } from './lock.ts';
import { DROP, NO_ROOM, ReceiveLedger } from './receive-ledger.ts';
import type { ReceiveSlotsStart } from './receive-slots.ts';
import { SendLedger } from './send-ledger.ts';
import type { SendSlotsStart } from './send-slots.ts';
import type { SendTable } from './send-table.ts';
import { SpillFile } from './spill-file.ts';

/** A sender's slots, as a channel's thread has them. */
export class SendingChannel {
  readonly arena: ArenaView;
  readonly #ledger: SendLedger;
  readonly #lock: Lock;
  readonly #channel: number;

  constructor(start: SendSlotsStart, channel: number) {
    this.arena = viewArena(start.arena);
    this.#ledger = new SendLedger(start.ledger);
    this.#lock = new Lock(this.#ledger.words, 0, this.#ledger.signals);
    this.#channel = channel;
  }

  /** What is in each slot. */
  get table(): SendTable {
    return this.#ledger.table;
  }

  /** The next slot to send, or -1. What is in it stays as it is until `wrote`. */
  take(): number {
    if (!this.#ledger.table.hasPosted) return -1;
    this.#lock.acquire();
    try {
      return this.#ledger.take(this.#channel);
    } finally {
      this.#lock.release();
    }
  }

  /** The slot has been written. */
  wrote(slot: number): void {
    this.#lock.acquire();
    try {
      this.#ledger.wrote(slot);
    } finally {
      this.#lock.release();
    }
  }
}

/** A receiver's slots, as a channel's thread has them. */
export class ReceivingChannel {
  readonly arena: ArenaView;
  readonly #ledger: ReceiveLedger;
  readonly #lock: Lock;
  readonly #channel: number;
  readonly #titles: readonly string[];
  readonly #spill: SpillFile | undefined;

  constructor(start: ReceiveSlotsStart, channel: number) {
    this.arena = viewArena(start.arena);
    this.#titles = start.devices.map(deviceTitle);
    this.#ledger = new ReceiveLedger(start.ledger, this.#titles);
    this.#lock = new Lock(this.#ledger.words, 0, this.#ledger.signals);
    this.#channel = channel;
    this.#spill = start.spill && new SpillFile(start.spill);
  }

  /**
   * Where a buffer goes that is about to be read: a slot; a place that `isSpilled`, to be read to memory of the channel and
   * then handed to `spill`; or -1 where it is to be read into nothing. Blocks while reading has to be withheld. Throws a
   * `BufferError` where the buffer must not have been sent, and `ERR_SPILL` where there is no room for it.
   */
  claim(device: number, index: number, length: number, last: boolean, again: boolean): number {
    const { words, changedWord } = this.#ledger;
    const end = performance.now() + DEFAULT_SLOT_WAIT;
    for (;;) {
      const seen = Atomics.load(words, changedWord);
      if (this.#ledger.isCancelled)
        throw new SlotError('ERR_SLOT_CANCELLED', 'Loading the devices was given up');
      const place = this.#tryClaim(device, index, length, last, again);
      if (place >= 0 || place === DROP) return place;
      if (place === NO_ROOM) throw this.#noRoom(device, index);
      if (again && performance.now() > end) throw this.#held(device, index);
      if (Atomics.wait(words, changedWord, seen, STUCK_AFTER) === 'timed-out') this.#markStuck();
    }
  }

  /** Whether a place is in the spill file. */
  isSpilled(place: number): boolean {
    return place >= this.#ledger.slots;
  }

  /** Write a buffer of `length` bytes at `address` to its place in the spill file. Throws `ERR_SPILL`. */
  spill(place: number, address: number, length: number): void {
    this.#spill!.write(place - this.#ledger.slots, address, length);
  }

  /** What was claimed is there, whole and checked; it may be compressed. Throws a `BufferError` as `claim` does. */
  publish(place: number, length: number, last: boolean, packed: boolean): void {
    this.#lock.acquire();
    try {
      this.#ledger.publish(place, length, last, packed);
    } finally {
      this.#lock.release();
    }
  }

  /** What was claimed does not come. */
  abandon(place: number): void {
    this.#lock.acquire();
    try {
      this.#ledger.abandon(place);
    } finally {
      this.#lock.release();
    }
  }

  #tryClaim(device: number, index: number, length: number, last: boolean, again: boolean): number {
    this.#lock.acquire();
    try {
      return this.#ledger.claim(this.#channel, device, index, length, last, again);
    } finally {
      this.#lock.release();
    }
  }

  #held(device: number, index: number): SlotError {
    return new SlotError(
      'ERR_SLOT_WAIT',
      `Buffer ${index} of ${this.#titles[device]} was sent again, but the channel that it came on before has neither read it ` +
        `nor ended within ${DEFAULT_SLOT_WAIT} ms`,
    );
  }

  #noRoom(device: number, index: number): SlotError {
    const waiting = this.#titles.flatMap((title, d) => {
      const { next, received, loaded } = this.#ledger.device(d);
      return loaded ? [] : [`${title} has loaded ${next} and waits for buffer ${received}`];
    });
    const file =
      this.#spill === undefined
        ? 'there is no spill file'
        : `the spill file in ${this.#spill.folder} is full, its limit is ${this.#spill.limit} bytes`;
    return new SlotError(
      'ERR_SPILL',
      `Buffer ${index} of ${this.#titles[device]} comes before there is a slot for it, and ${file}: ${waiting.join(', ')}`,
    );
  }

  #markStuck(): void {
    this.#lock.acquire();
    try {
      this.#ledger.markStuck();
    } finally {
      this.#lock.release();
    }
  }
}
