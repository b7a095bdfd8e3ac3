import { SlotError } from './errors.ts';
import { MAX_INDEX } from './limits.ts';
import { LOCK_WORDS } from './lock.ts';
import { shareFor } from './shares.ts';
import { addWide, wide } from './wide.ts';

/**
 * What becomes of a slot: `free → filling → posted → taken → sent → free`, and `taken`, `sent` → `posted` when its channel
 * broke. Where buffers are compressed, `filling → raw → packing → posted`.
 */
export const SendState = { free: 0, filling: 1, posted: 2, taken: 3, sent: 4, raw: 5, packing: 6 } as const;

// Words of the whole
const CANCELLED = LOCK_WORDS;
const CHANGED = LOCK_WORDS + 1;
const DEVICES = LOCK_WORDS + 2;
const SLOTS = LOCK_WORDS + 3;
const PER_DEVICE = LOCK_WORDS + 4;
const KEEP = LOCK_WORDS + 5;
const FREE = LOCK_WORDS + 6;
const TURN = LOCK_WORDS + 7;
const READY = LOCK_WORDS + 8;
const PACK = LOCK_WORDS + 9;
const WORK = LOCK_WORDS + 10;
const HEADER = LOCK_WORDS + 11;

// Words of a device. Indices are counts of 32 bits: "the first index that is not".
const NEXT = 0;
const ALLOWED = 1;
const RECEIVED = 2;
const HELD = 3;
const NEED = 4;
const HEAD = 5;
const ENDED = 6;
const ABORTED = 7;
const ROOM = 8;
const WRITTEN = 9;
const BYTES = 10;
const DEVICE_WORDS = 12;

// Words of a slot
const STATE = 0;
const DEVICE = 1;
const INDEX = 2;
const LENGTH = 3;
const LAST = 4;
const AGAIN = 5;
const CHANNEL = 6;
const CHAIN = 7;
const PACKED = 8;
const WHOLE = 9;
const SLOT_WORDS = 10;

/** No limit to what a device may send. */
const UNLIMITED = MAX_INDEX + 1;

export interface SendLedgerOptions {
  readonly devices: number;
  readonly slots: number;
  /** Slots that one device may have at most. */
  readonly perDevice: number;
  /** Whether a device may send nothing before `allow` says so. */
  readonly credits: boolean;
  /** Whether slots stay until the other side is known to have them, to be sent again when a channel breaks. */
  readonly keep: boolean;
  /** Whether buffers are compressed before they are sent. */
  readonly pack: boolean;
}

/** What is known of one device's buffers on the sending side. All of these are counts. */
export interface SendDevice {
  /** Buffers that were posted. */
  readonly posted: number;
  /** Buffers below this index may be sent. */
  readonly allowed: number;
  /** Buffers below this index are known to have arrived. */
  readonly received: number;
  /** Packets that were written, those sent again included, and the bytes of state in them. */
  readonly written: number;
  readonly bytes: number;
  /** Slots in use. */
  readonly held: number;
  /** Whether the last buffer was posted. */
  readonly ended: boolean;
}

/**
 * Which slot holds which buffer of which device, on the sending side. Rules alone: no memory of the slots, no threads and
 * no waiting, all in the words of one array. Whoever shares it between threads holds a lock around every call.
 */
export class SendLedger {
  readonly words: Int32Array<SharedArrayBuffer>;

  /** The words of an empty ledger. */
  static create(options: SendLedgerOptions): SendLedger {
    const { devices, slots, perDevice, credits, keep, pack } = options;
    const size = HEADER + devices * DEVICE_WORDS + slots * SLOT_WORDS;
    const ledger = new SendLedger(new SharedArrayBuffer(size * 4));
    const { words } = ledger;
    words[DEVICES] = devices;
    words[SLOTS] = slots;
    words[PER_DEVICE] = perDevice;
    words[KEEP] = keep ? 1 : 0;
    words[PACK] = pack ? 1 : 0;
    for (let d = 0; d < devices; d++) {
      words[ledger.#device(d) + ALLOWED] = credits ? 0 : UNLIMITED | 0;
      words[ledger.#device(d) + NEED] = -1;
    }
    ledger.#chainFree();
    return ledger;
  }

  /** The ledger whose words are in `shared`. */
  constructor(shared: SharedArrayBuffer) {
    this.words = new Int32Array(shared);
  }

  get devices(): number {
    return this.words[DEVICES]!;
  }

  get slots(): number {
    return this.words[SLOTS]!;
  }

  /** Word that changes, and is notified, when `device` may have another slot or has been aborted. */
  roomWord(device: number): number {
    return this.#device(device) + ROOM;
  }

  /** Word that changes, and is notified, when buffers were posted, written or given back. */
  get changedWord(): number {
    return CHANGED;
  }

  /** Word that changes, and is notified, when there is something to compress, or nothing more will be. */
  get workWord(): number {
    return WORK;
  }

  get isCancelled(): boolean {
    return Atomics.load(this.words, CANCELLED) === 1;
  }

  isAborted(device: number): boolean {
    return this.isCancelled || Atomics.load(this.words, this.#device(device) + ABORTED) === 1;
  }

  /** Whether there may be something to take: seen without the lock. */
  get mayTake(): boolean {
    return Atomics.load(this.words, READY) > 0;
  }

  // What a device does

  /** A slot for the device to fill; -1 where it has as many as it may have. Throws `ERR_SLOT_ENDED` after the last one. */
  reserve(device: number): number {
    const at = this.#device(device);
    this.#refuseEnded(device);
    if (this.words[at + HELD]! >= this.#share()) return -1;
    const slot = this.words[FREE]! - 1;
    if (slot < 0) return -1;
    const words = this.#slot(slot);
    this.words[FREE] = this.words[words + CHAIN]!;
    this.words[at + HELD]!++;
    this.words[words + DEVICE] = device;
    this.words[words + STATE] = SendState.filling;
    return slot;
  }

  /** A filled slot is the device's next buffer. Throws `ERR_SLOT_ENDED` after the last one. */
  post(slot: number, length: number, last: boolean): void {
    const words = this.#slot(slot);
    const device = this.words[words + DEVICE]!;
    const at = this.#device(device);
    this.#refuseEnded(device);
    const index = this.words[at + NEXT]! >>> 0;
    this.words[words + INDEX] = index;
    this.words[words + LENGTH] = length;
    this.words[words + LAST] = last ? 1 : 0;
    this.words[words + WHOLE] = length;
    this.words[words + PACKED] = 0;
    this.words[words + AGAIN] = 0;
    const isRaw = this.words[PACK] === 1 && length > 0;
    this.words[words + STATE] = isRaw ? SendState.raw : SendState.posted;
    this.words[at + NEXT] = (index + 1) | 0;
    if (last) this.words[at + ENDED] = 1;
    if (isRaw) this.#signal(WORK, 1);
    else this.#enqueue(slot);
    this.#fitNeed(device);
    this.#change();
  }

  // What compresses does

  /** The slot to compress next, or -1: of those the one whose buffer the receiver will need first. */
  takeRaw(): number {
    let best = -1;
    let bestAhead = 0;
    for (let slot = 0; slot < this.slots; slot++) {
      if (this.stateOf(slot) !== SendState.raw) continue;
      const ahead = this.indexOf(slot) - (this.words[this.#device(this.deviceOf(slot)) + RECEIVED]! >>> 0);
      if (best >= 0 && ahead >= bestAhead) continue;
      best = slot;
      bestAhead = ahead;
    }
    if (best >= 0) this.words[this.#slot(best) + STATE] = SendState.packing;
    return best;
  }

  /** A slot that was raw holds `length` bytes now, compressed or as they were. */
  packed(slot: number, length: number, compressed: boolean): void {
    const words = this.#slot(slot);
    this.words[words + LENGTH] = length;
    this.words[words + PACKED] = compressed ? 1 : 0;
    this.words[words + STATE] = SendState.posted;
    this.#enqueue(slot);
    this.#change();
  }

  // What a channel does

  /** The oldest posted slot of the device whose turn it is, within what it may send; -1 where there is none. */
  take(channel: number): number {
    const devices = this.devices;
    for (let i = 0; i < devices; i++) {
      const device = (this.words[TURN]! + i) % devices;
      const at = this.#device(device);
      const slot = this.words[at + HEAD]! - 1;
      if (slot < 0 || this.words[at + ABORTED] === 1) continue;
      const words = this.#slot(slot);
      if (this.words[words + INDEX]! >>> 0 >= this.words[at + ALLOWED]! >>> 0) continue;
      this.words[at + HEAD] = this.words[words + CHAIN]!;
      this.words[words + CHANNEL] = channel;
      this.words[words + STATE] = SendState.taken;
      this.words[TURN] = (device + 1) % devices;
      Atomics.sub(this.words, READY, 1);
      return slot;
    }
    return -1;
  }

  /** A slot that was taken has been written. */
  wrote(slot: number): void {
    const words = this.#slot(slot);
    const at = this.#device(this.words[words + DEVICE]!);
    this.words[at + WRITTEN]!++;
    addWide(this.words, at + BYTES, this.words[words + WHOLE]!);
    this.words[words + STATE] = SendState.sent;
    if (this.words[KEEP] === 0 || this.#isReceived(slot)) this.#free(slot);
    this.#change();
  }

  deviceOf(slot: number): number {
    return this.words[this.#slot(slot) + DEVICE]!;
  }

  indexOf(slot: number): number {
    return this.words[this.#slot(slot) + INDEX]! >>> 0;
  }

  lengthOf(slot: number): number {
    return this.words[this.#slot(slot) + LENGTH]!;
  }

  isLast(slot: number): boolean {
    return this.words[this.#slot(slot) + LAST] === 1;
  }

  /** Whether what it holds is compressed. */
  isPacked(slot: number): boolean {
    return this.words[this.#slot(slot) + PACKED] === 1;
  }

  /** Whether it was sent before on a channel that broke. */
  isAgain(slot: number): boolean {
    return this.words[this.#slot(slot) + AGAIN] === 1;
  }

  // What the main side does

  /** The device may send buffers up to `highest`. What it may send never becomes less. Whether it became more. */
  allow(device: number, highest: number): boolean {
    const at = this.#device(device) + ALLOWED;
    const allowed = Math.min(highest, MAX_INDEX) + 1;
    if (allowed <= this.words[at]! >>> 0) return false;
    this.words[at] = allowed | 0;
    return true;
  }

  /** All buffers of the device up to `upTo` have arrived: their slots are free again. */
  received(device: number, upTo: number): void {
    const at = this.#device(device);
    if (upTo + 1 <= this.words[at + RECEIVED]! >>> 0) return;
    this.words[at + RECEIVED] = (upTo + 1) | 0;
    for (let slot = 0; slot < this.slots; slot++) {
      const words = this.#slot(slot);
      if (this.words[words + STATE] !== SendState.sent || this.words[words + DEVICE] !== device) continue;
      if (this.#isReceived(slot)) this.#free(slot);
    }
    this.#change();
  }

  /**
   * The channel broke, its thread writes no more: what it took, and what it wrote that is not known to have arrived, is
   * posted again. Returns how many.
   */
  lostBy(channel: number): number {
    let lost = 0;
    for (let slot = 0; slot < this.slots; slot++) {
      const words = this.#slot(slot);
      const state = this.words[words + STATE];
      if (this.words[words + CHANNEL] !== channel) continue;
      if (state !== SendState.taken && state !== SendState.sent) continue;
      if (this.#isReceived(slot)) {
        this.#free(slot);
        continue;
      }
      this.words[words + AGAIN] = 1;
      this.words[words + STATE] = SendState.posted;
      this.#enqueue(slot);
      lost++;
    }
    this.#change();
    return lost;
  }

  /** Nothing more is taken of the device, and whoever fills its slots is told. */
  abort(device: number): void {
    const at = this.#device(device);
    Atomics.store(this.words, at + ABORTED, 1);
    this.#fitNeed(device);
    this.#signal(at + ROOM);
    this.#change();
  }

  cancel(): void {
    Atomics.store(this.words, CANCELLED, 1);
    for (let d = 0; d < this.devices; d++) this.#signal(this.roomWord(d));
    this.#signal(WORK);
    this.#change();
  }

  device(device: number): SendDevice {
    const at = this.#device(device);
    return {
      posted: this.words[at + NEXT]! >>> 0,
      allowed: this.words[at + ALLOWED]! >>> 0,
      received: this.words[at + RECEIVED]! >>> 0,
      written: this.words[at + WRITTEN]! >>> 0,
      bytes: wide(this.words, at + BYTES),
      held: this.words[at + HELD]!,
      ended: this.words[at + ENDED] === 1,
    };
  }

  stateOf(slot: number): number {
    return this.words[this.#slot(slot) + STATE]!;
  }

  /** A thread died while it changed something: everything that follows from the states of slots is made anew. */
  mend(): void {
    for (let d = 0; d < this.devices; d++) {
      this.words[this.#device(d) + HELD] = 0;
      this.words[this.#device(d) + HEAD] = 0;
    }
    Atomics.store(this.words, READY, 0);
    for (let slot = 0; slot < this.slots; slot++) {
      const words = this.#slot(slot);
      const state = this.words[words + STATE];
      if (state === SendState.free) continue;
      const at = this.#device(this.words[words + DEVICE]!);
      this.words[at + HELD]!++;
      if (state === SendState.filling) continue;
      this.words[at + NEXT] = Math.max(this.words[at + NEXT]! >>> 0, this.indexOf(slot) + 1) | 0;
      if (this.isLast(slot)) this.words[at + ENDED] = 1;
      if (state === SendState.posted) this.#enqueue(slot);
    }
    this.#chainFree();
    for (let d = 0; d < this.devices; d++) {
      this.#fitNeed(d);
      this.#signal(this.roomWord(d));
    }
    this.#change();
  }

  #refuseEnded(device: number): void {
    const at = this.#device(device);
    const next = this.words[at + NEXT]! >>> 0;
    if (this.words[at + ENDED] === 1 || next > MAX_INDEX)
      throw new SlotError('ERR_SLOT_ENDED', `No buffer can follow buffer ${next - 1} of device ${device}`);
  }

  #isReceived(slot: number): boolean {
    const at = this.#device(this.deviceOf(slot));
    return this.indexOf(slot) < this.words[at + RECEIVED]! >>> 0;
  }

  #free(slot: number): void {
    const words = this.#slot(slot);
    const device = this.words[words + DEVICE]!;
    const at = this.#device(device);
    this.words[words + STATE] = SendState.free;
    this.words[words + CHAIN] = this.words[FREE]!;
    this.words[FREE] = slot + 1;
    this.words[at + HELD]!--;
    this.#fitNeed(device);
    this.#signal(at + ROOM);
  }

  /** Put a posted slot among those of its device, in the order of their indices. */
  #enqueue(slot: number): void {
    const index = this.indexOf(slot);
    let link = this.#device(this.deviceOf(slot)) + HEAD;
    for (let next = this.words[link]! - 1; next >= 0 && this.indexOf(next) < index; ) {
      link = this.#slot(next) + CHAIN;
      next = this.words[link]! - 1;
    }
    this.words[this.#slot(slot) + CHAIN] = this.words[link]!;
    this.words[link] = slot + 1;
    Atomics.add(this.words, READY, 1);
  }

  /** A device that posts nothing more needs no more slots than it has: the others may have what it leaves. */
  #fitNeed(device: number): void {
    const at = this.#device(device);
    if (this.words[at + ENDED] === 0 && this.words[at + ABORTED] === 0) return;
    const before = this.#share();
    this.words[at + NEED] = this.words[at + HELD]!;
    if (this.#share() > before)
      for (let d = 0; d < this.devices; d++) if (d !== device) this.#signal(this.roomWord(d));
  }

  #share(): number {
    const needs = HEADER + NEED;
    return shareFor(this.words, needs, DEVICE_WORDS, this.devices, this.slots, this.words[PER_DEVICE]!);
  }

  #chainFree(): void {
    this.words[FREE] = 0;
    for (let slot = this.slots - 1; slot >= 0; slot--) {
      if (this.stateOf(slot) !== SendState.free) continue;
      this.words[this.#slot(slot) + CHAIN] = this.words[FREE]!;
      this.words[FREE] = slot + 1;
    }
  }

  #change(): void {
    this.#signal(CHANGED);
  }

  #signal(word: number, waiters = Number.POSITIVE_INFINITY): void {
    Atomics.add(this.words, word, 1);
    Atomics.notify(this.words, word, waiters);
  }

  #device(device: number): number {
    return HEADER + device * DEVICE_WORDS;
  }

  #slot(slot: number): number {
    return HEADER + this.devices * DEVICE_WORDS + slot * SLOT_WORDS;
  }
}
