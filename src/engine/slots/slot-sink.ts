import type { ByteSink } from '../../state/index.ts';
import { type ArenaView, deviceTitle, viewArena } from './arena.ts';
import { ringBell } from './bell.ts';
import { SlotError } from './errors.ts';
import { SLOT_BYTES } from './limits.ts';
import { Lock } from './lock.ts';
import { SendLedger } from './send-ledger.ts';
import type { SlotSinkStart } from './send-slots.ts';

/**
 * Where a device's own thread writes its state: the bytes are cut into buffers, one slot each, which channels send. Blocks
 * while the device has no free slot.
 */
export class SlotSink implements ByteSink {
  readonly #ledger: SendLedger;
  readonly #lock: Lock;
  readonly #arena: ArenaView;
  readonly #bell: Int32Array<SharedArrayBuffer>;
  readonly #device: number;
  readonly #title: string;
  readonly #within: number;
  /** The slot being filled, or -1, and how far. */
  #slot = -1;
  #filled = 0;
  #bytes = 0;

  constructor({ slots, device, within }: SlotSinkStart) {
    this.#ledger = new SendLedger(slots.ledger);
    this.#lock = new Lock(this.#ledger.words, 0, this.#ledger.signals);
    this.#arena = viewArena(slots.arena);
    this.#bell = new Int32Array(slots.bell);
    this.#device = device;
    this.#title = deviceTitle(slots.devices[device]!);
    this.#within = within;
  }

  /** Bytes that were written. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Write all of `bytes`, which may change afterwards. Throws `ERR_SLOT_WAIT` where the channels give no slot back in time,
   * `ERR_SLOT_CANCELLED` where the transfer or the device was given up, `ERR_SLOT_ENDED` after `end`.
   */
  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const room = this.#room();
      const piece = Math.min(room, bytes.length - at);
      const whole = piece === bytes.length;
      this.#arena.bytes.set(whole ? bytes : bytes.subarray(at, at + piece), this.#at);
      this.#advance(piece);
      at += piece;
    }
  }

  /**
   * Let `fill` put bytes straight into the slot: at most `length` of them from `address` on, which is also `bytes[offset]`.
   * It returns how many it put there. Returns the same. Throws as `write` does.
   */
  fill(fill: (bytes: Uint8Array, offset: number, length: number, address: number) => number): number {
    const room = this.#room();
    const count = fill(this.#arena.bytes, this.#at, room, this.#arena.address + this.#at);
    this.#advance(count);
    return count;
  }

  /** Post what is left as the last buffer. Throws as `write` does. */
  end(): void {
    this.#room();
    this.#post(true);
  }

  get #at(): number {
    return this.#slot * SLOT_BYTES + this.#filled;
  }

  /** Bytes that fit into the present slot; a new one is got where there is none. */
  #room(): number {
    if (this.#slot < 0) {
      this.#slot = this.#reserve();
      this.#filled = 0;
    }
    return SLOT_BYTES - this.#filled;
  }

  #advance(count: number): void {
    this.#filled += count;
    this.#bytes += count;
    if (this.#filled === SLOT_BYTES) this.#post(false);
  }

  #post(last: boolean): void {
    const slot = this.#slot;
    this.#slot = -1;
    this.#lock.holding(() => this.#ledger.post(slot, this.#filled, last));
    ringBell(this.#bell);
  }

  #reserve(): number {
    const { words } = this.#ledger;
    const room = this.#ledger.roomWord(this.#device);
    const end = performance.now() + this.#within;
    for (;;) {
      const seen = Atomics.load(words, room);
      if (this.#ledger.isAborted(this.#device))
        throw new SlotError('ERR_SLOT_CANCELLED', `Saving ${this.#title} was given up`);
      const slot = this.#lock.holding(() => this.#ledger.reserve(this.#device));
      if (slot >= 0) return slot;
      const left = end - performance.now();
      if (left <= 0) throw this.#late();
      Atomics.wait(words, room, seen, left);
    }
  }

  #late(): SlotError {
    const { posted, written, received, allowed, held } = this.#ledger.device(this.#device);
    return new SlotError(
      'ERR_SLOT_WAIT',
      `No slot came free for ${this.#title} within ${this.#within} ms: ${held} slots in use, ${posted} buffers posted, ` +
        `${written} written, ${received} received, ${allowed} allowed`,
    );
  }
}
