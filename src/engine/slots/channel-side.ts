import { type ArenaView, deviceTitle, viewArena } from './arena.ts';
import { SlotError } from './errors.ts';
import { Lock } from './lock.ts';
import { DROP, NO_ROOM, ReceiveLedger, WITHHOLD } from './receive-ledger.ts';
import type { ReceiveSlotsStart } from './receive-slots.ts';
import { SendLedger } from './send-ledger.ts';
import type { SendSlotsStart } from './send-slots.ts';

/** A sender's slots, as a channel's thread has them. */
export class SendingChannel {
  readonly arena: ArenaView;
  readonly ledger: SendLedger;
  readonly #lock: Lock;
  readonly #channel: number;

  constructor(start: SendSlotsStart, channel: number) {
    this.arena = viewArena(start.arena);
    this.ledger = new SendLedger(start.ledger);
    this.#lock = new Lock(this.ledger.words, 0);
    this.#channel = channel;
  }

  /** The next slot to send, or -1. Its facts are the ledger's; it stays as it is until `wrote`. */
  take(): number {
    if (!this.ledger.mayTake) return -1;
    this.#lock.acquire();
    try {
      return this.ledger.take(this.#channel);
    } finally {
      this.#lock.release();
    }
  }

  /** The slot has been written. */
  wrote(slot: number): void {
    this.#lock.acquire();
    try {
      this.ledger.wrote(slot);
    } finally {
      this.#lock.release();
    }
  }
}

/** How long nothing may be loaded before reads are no longer withheld for it, in milliseconds. */
const STUCK_AFTER = 1000;

/** A receiver's slots, as a channel's thread has them. */
export class ReceivingChannel {
  readonly arena: ArenaView;
  readonly #ledger: ReceiveLedger;
  readonly #lock: Lock;
  readonly #channel: number;
  readonly #titles: readonly string[];

  constructor(start: ReceiveSlotsStart, channel: number) {
    this.arena = viewArena(start.arena);
    this.#titles = start.devices.map(deviceTitle);
    this.#ledger = new ReceiveLedger(start.ledger, this.#titles);
    this.#lock = new Lock(this.#ledger.words, 0);
    this.#channel = channel;
  }

  /**
   * Where a buffer goes that is about to be read: a slot, or -1 where it is to be read into nothing. Blocks while reading has
   * to be withheld. Throws a `BufferError` where the buffer must not have been sent.
   */
  claim(device: number, index: number, length: number, last: boolean, again: boolean): number {
    const { words, changedWord } = this.#ledger;
    for (;;) {
      const seen = Atomics.load(words, changedWord);
      if (this.#ledger.isCancelled)
        throw new SlotError('ERR_SLOT_CANCELLED', 'Loading the devices was given up');
      const place = this.#tryClaim(device, index, length, last, again);
      if (place >= 0 || place === DROP) return place;
      if (place === NO_ROOM)
        throw new SlotError(
          'ERR_SPILL',
          `Buffer ${index} of ${this.#titles[device]} has no slot and cannot be spilled`,
        );
      if (place === WITHHOLD && Atomics.wait(words, changedWord, seen, STUCK_AFTER) === 'timed-out')
        this.#markStuck();
    }
  }

  /** What was claimed is there, whole and checked. Throws a `BufferError` as `claim` does. */
  publish(place: number, length: number, last: boolean): void {
    this.#lock.acquire();
    try {
      this.#ledger.publish(place, length, last);
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

  #markStuck(): void {
    this.#lock.acquire();
    try {
      this.#ledger.markStuck();
    } finally {
      this.#lock.release();
    }
  }
}
