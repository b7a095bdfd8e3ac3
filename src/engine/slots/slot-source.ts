import type { ByteSource } from '../../state/index.ts';
import { type ArenaView, deviceTitle, viewArena } from './arena.ts';
import { SlotError } from './errors.ts';
import { SLOT_BYTES } from './limits.ts';
import { Lock } from './lock.ts';
import { ReceiveLedger } from './receive-ledger.ts';
import type { SlotSourceStart } from './receive-slots.ts';
import { SpillFile } from './spill-file.ts';

/**
 * Where a device's own thread reads its state: buffers in their order, whatever order they came in. A slot goes back when it
 * was read to its end. Blocks while the next buffer has not come.
 */
export class SlotSource implements ByteSource {
  readonly #ledger: ReceiveLedger;
  readonly #lock: Lock;
  readonly #arena: ArenaView;
  readonly #device: number;
  readonly #title: string;
  readonly #within: number;
  readonly #spill: SpillFile | undefined;
  /** The slot being read, or -1, how far, and how much there is. */
  #slot = -1;
  #taken = 0;
  #length = 0;
  #bytes = 0;

  constructor({ slots, device, within }: SlotSourceStart) {
    this.#ledger = new ReceiveLedger(slots.ledger, slots.devices.map(deviceTitle));
    this.#lock = new Lock(this.#ledger.words, 0, this.#ledger.signals);
    this.#arena = viewArena(slots.arena);
    this.#device = device;
    this.#title = deviceTitle(slots.devices[device]!);
    this.#within = within;
    this.#spill = slots.spill && new SpillFile(slots.spill);
    this.#lock.holding(() => this.#ledger.open(device));
  }

  /** Bytes that were read. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Fill `into` from its start with at least one byte. Returns how many; 0 at the end of the state. Throws `ERR_SLOT_WAIT`
   * where the next buffer does not come in time, `ERR_SLOT_CANCELLED` where the transfer or the device was given up.
   */
  read(into: Uint8Array): number {
    return this.drain((bytes, offset, length) => {
      const count = Math.min(length, into.length);
      into.set(bytes.subarray(offset, offset + count));
      return count;
    });
  }

  /**
   * Let `take` have the next bytes where they lie: `length` of them at `address`, which is also `bytes[offset]`. It returns
   * how many it took. Returns the same; 0 at the end of the state, where `take` is not called. Throws as `read` does.
   */
  drain(take: (bytes: Uint8Array, offset: number, length: number, address: number) => number): number {
    while (this.#slot < 0) if (!this.#next()) return 0;
    const at = this.#slot * SLOT_BYTES + this.#taken;
    const count = take(this.#arena.bytes, at, this.#length - this.#taken, this.#arena.address + at);
    this.#taken += count;
    this.#bytes += count;
    if (this.#taken === this.#length) this.#giveBack();
    return count;
  }

  /** Wait for the next buffer: false at the end of the state. One without bytes is passed over: then there is no slot yet. */
  #next(): boolean {
    const place = this.#await();
    if (place < 0) return false;
    this.#slot = place < this.#ledger.slots ? place : this.#fetch(place);
    this.#taken = 0;
    this.#length = this.#ledger.lengthOf(this.#slot);
    if (this.#length === 0) this.#giveBack();
    return true;
  }

  #await(): number {
    const { words } = this.#ledger;
    const arrived = this.#ledger.arrivedWord(this.#device);
    const end = performance.now() + this.#within;
    for (;;) {
      const seen = Atomics.load(words, arrived);
      if (this.#ledger.isAborted(this.#device)) throw this.#givenUp();
      const place = this.#lock.holding(() => this.#ledger.nextOf(this.#device));
      if (place >= 0 || this.#ledger.isLoaded(this.#device)) return place;
      const left = end - performance.now();
      if (left <= 0) throw this.#late();
      Atomics.wait(words, arrived, seen, left);
    }
  }

  /** Bring the next buffer from the spill file to a slot. */
  #fetch(place: number): number {
    const slot = this.#lock.holding(() => this.#ledger.fetchTo(this.#device));
    if (slot < 0) throw this.#givenUp();
    const { slots } = this.#ledger;
    this.#spill!.read(place - slots, this.#arena.address + slot * SLOT_BYTES, this.#ledger.lengthOf(place));
    this.#lock.holding(() => this.#ledger.fetched(place, slot));
    return slot;
  }

  #giveBack(): void {
    const slot = this.#slot;
    this.#slot = -1;
    this.#lock.holding(() => this.#ledger.loaded(slot));
  }

  #givenUp(): SlotError {
    return new SlotError('ERR_SLOT_CANCELLED', `Loading ${this.#title} was given up`);
  }

  #late(): SlotError {
    const { next, received, total, held, credit } = this.#ledger.device(this.#device);
    return new SlotError(
      'ERR_SLOT_WAIT',
      `Buffer ${next} of ${this.#title} did not come within ${this.#within} ms: ${held} slots hold later ones, ` +
        `${received} came in order, ${credit} may be sent, ${total ?? 'an unknown number'} in all`,
    );
  }
}
