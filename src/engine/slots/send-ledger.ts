import { SlotError } from './errors.ts';
import { MAX_INDEX } from './limits.ts';
import { LOCK_WORDS } from './lock.ts';
import { SendState, SendTable } from './send-table.ts';
import { shareFor } from './shares.ts';
import { Signals } from './signals.ts';
import { addWide, WIDE_WORDS, wide } from './wide.ts';

// Words of the whole
const CANCELLED = LOCK_WORDS;
const CHANGED = LOCK_WORDS + 1;
const DEVICES = LOCK_WORDS + 2;
const PER_DEVICE = LOCK_WORDS + 3;
const KEEP = LOCK_WORDS + 4;
const TURN = LOCK_WORDS + 5;
const PACK = LOCK_WORDS + 6;
const WORK = LOCK_WORDS + 7;
const SHARE = LOCK_WORDS + 8;
const TABLE = LOCK_WORDS + 9;
const HEADER = TABLE + SendTable.HEADER_WORDS;

// Words of a device. Indices are counts of 32 bits: "the first index that is not".
const NEXT = 0;
const ALLOWED = 1;
const RECEIVED = 2;
const NEED = 3;
const ENDED = 4;
const ABORTED = 5;
const ROOM = 6;
const WRITTEN = 7;
const BYTES = 8;
const DEVICE_WORDS = BYTES + WIDE_WORDS;

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
  /** The words of the ledger that others sleep on, when they were changed. */
  readonly signals: Signals;
  /** What is in each slot. */
  readonly table: SendTable;

  /** An empty ledger. */
  static create(options: SendLedgerOptions): SendLedger {
    const { devices, perDevice, credits, keep, pack } = options;
    const size = HEADER + devices * DEVICE_WORDS + SendTable.wordsFor(options);
    const words = new Int32Array(new SharedArrayBuffer(size * 4));
    words[DEVICES] = devices;
    words[PER_DEVICE] = perDevice;
    words[KEEP] = keep ? 1 : 0;
    words[PACK] = pack ? 1 : 0;
    SendTable.prepare(words, TABLE, options);
    const ledger = new SendLedger(words.buffer);
    for (let d = 0; d < devices; d++) {
      words[ledger.#device(d) + ALLOWED] = credits ? 0 : UNLIMITED | 0;
      words[ledger.#device(d) + NEED] = -1;
    }
    ledger.table.mend();
    words[SHARE] = ledger.#share();
    return ledger;
  }

  /** The ledger whose words are in `shared`. */
  constructor(shared: SharedArrayBuffer) {
    this.words = new Int32Array(shared);
    this.signals = new Signals(this.words);
    this.table = new SendTable(this.words, TABLE, HEADER + this.words[DEVICES]! * DEVICE_WORDS);
  }

  get devices(): number {
    return this.words[DEVICES]!;
  }

  get slots(): number {
    return this.table.slots;
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

  // What a device does

  /**
   * A slot for the device to fill; -1 where it has as many as it may have, or was aborted. Throws `ERR_SLOT_ENDED` after
   * the last one.
   */
  reserve(device: number): number {
    this.#refuseEnded(device);
    const isFull = this.table.held(device) >= this.words[SHARE]!;
    return isFull || this.isAborted(device) ? -1 : this.table.takeFree(device);
  }

  /** A filled slot is the device's next buffer. Throws `ERR_SLOT_ENDED` after the last one. */
  post(slot: number, length: number, last: boolean): void {
    const { table, words } = this;
    const device = table.deviceOf(slot);
    const at = this.#device(device);
    this.#refuseEnded(device);
    const index = words[at + NEXT]! >>> 0;
    table.describe(slot, index, length, last);
    words[at + NEXT] = (index + 1) | 0;
    if (last) words[at + ENDED] = 1;
    if (words[PACK] === 1 && length > 0) {
      table.setState(slot, SendState.raw);
      this.signals.raise(WORK);
    } else table.post(slot);
    this.#fitNeed(device);
    this.signals.raise(CHANGED);
  }

  // What compresses does

  /** The slot to compress next, or -1: of those the one whose buffer the receiver will need first. */
  takeRaw(): number {
    let best = -1;
    let bestAhead = 0;
    for (let slot = 0; slot < this.slots; slot++) {
      if (this.table.stateOf(slot) !== SendState.raw) continue;
      const ahead = this.table.indexOf(slot) - this.#received(this.table.deviceOf(slot));
      if (best >= 0 && ahead >= bestAhead) continue;
      best = slot;
      bestAhead = ahead;
    }
    if (best >= 0) this.table.setState(best, SendState.packing);
    return best;
  }

  /** A slot that was raw can be sent: compressed to `length` bytes, or as it was. */
  packed(slot: number, length: number | undefined): void {
    if (length !== undefined) this.table.setPacked(slot, length);
    this.table.post(slot);
    this.signals.raise(CHANGED);
  }

  // What a channel does

  /** The oldest posted slot of the device whose turn it is, within what it may send; -1 where there is none. */
  take(channel: number): number {
    const { table, words, devices } = this;
    for (let i = 0; i < devices; i++) {
      const device = (words[TURN]! + i) % devices;
      const at = this.#device(device);
      const slot = table.firstPosted(device);
      if (slot < 0 || words[at + ABORTED] === 1) continue;
      if (table.indexOf(slot) >= words[at + ALLOWED]! >>> 0) continue;
      table.takeFirst(device, channel);
      words[TURN] = (device + 1) % devices;
      return slot;
    }
    return -1;
  }

  /** A slot that was taken has been written. */
  wrote(slot: number): void {
    const at = this.#device(this.table.deviceOf(slot));
    this.words[at + WRITTEN]!++;
    addWide(this.words, at + BYTES, this.table.wholeLengthOf(slot));
    this.table.setState(slot, SendState.sent);
    if (this.words[KEEP] === 0 || this.#isReceived(slot)) this.#free(slot);
    this.signals.raise(CHANGED);
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
    const { table } = this;
    if (upTo + 1 <= this.#received(device)) return;
    this.words[this.#device(device) + RECEIVED] = (upTo + 1) | 0;
    for (let slot = 0; slot < this.slots; slot++)
      if (table.stateOf(slot) === SendState.sent && table.deviceOf(slot) === device && this.#isReceived(slot))
        this.#free(slot);
    this.signals.raise(CHANGED);
  }

  /**
   * The channel broke, its thread writes no more: what it took, and what it wrote that is not known to have arrived, is
   * posted again. Returns how many.
   */
  lostBy(channel: number): number {
    const { table } = this;
    let lost = 0;
    for (let slot = 0; slot < this.slots; slot++) {
      const state = table.stateOf(slot);
      if (state !== SendState.taken && state !== SendState.sent) continue;
      if (table.channelOf(slot) !== channel) continue;
      if (this.#isReceived(slot)) {
        this.#free(slot);
        continue;
      }
      table.setAgain(slot);
      table.post(slot);
      lost++;
    }
    this.signals.raise(CHANGED);
    return lost;
  }

  /** Nothing more is taken of the device, and whoever fills its slots is told. */
  abort(device: number): void {
    const at = this.#device(device);
    Atomics.store(this.words, at + ABORTED, 1);
    this.#fitNeed(device);
    this.signals.raise(at + ROOM);
    this.signals.raise(CHANGED);
  }

  cancel(): void {
    Atomics.store(this.words, CANCELLED, 1);
    this.rouse();
  }

  /** Have everyone who sleeps look again. */
  rouse(): void {
    for (let d = 0; d < this.devices; d++) this.signals.raise(this.roomWord(d));
    this.signals.raise(WORK);
    this.signals.raise(CHANGED);
  }

  device(device: number): SendDevice {
    const at = this.#device(device);
    return {
      posted: this.words[at + NEXT]! >>> 0,
      allowed: this.words[at + ALLOWED]! >>> 0,
      received: this.#received(device),
      written: this.words[at + WRITTEN]! >>> 0,
      bytes: wide(this.words, at + BYTES),
      held: this.table.held(device),
      ended: this.words[at + ENDED] === 1,
    };
  }

  /** A thread died while it changed something: everything that follows from the states of slots is made anew. */
  mend(): void {
    const { table, words } = this;
    table.mend();
    for (let slot = 0; slot < this.slots; slot++) {
      const state = table.stateOf(slot);
      if (state === SendState.free || state === SendState.filling) continue;
      const at = this.#device(table.deviceOf(slot));
      words[at + NEXT] = Math.max(words[at + NEXT]! >>> 0, table.indexOf(slot) + 1) | 0;
      if (table.isLast(slot)) words[at + ENDED] = 1;
    }
    for (let d = 0; d < this.devices; d++) {
      this.#fitNeed(d);
      this.signals.raise(this.roomWord(d));
    }
    this.signals.raise(CHANGED);
  }

  #refuseEnded(device: number): void {
    const at = this.#device(device);
    const next = this.words[at + NEXT]! >>> 0;
    if (this.words[at + ENDED] === 1 || next > MAX_INDEX)
      throw new SlotError('ERR_SLOT_ENDED', `No buffer can follow buffer ${next - 1} of device ${device}`);
  }

  /** The first index of the device that is not known to have arrived. */
  #received(device: number): number {
    return this.words[this.#device(device) + RECEIVED]! >>> 0;
  }

  #isReceived(slot: number): boolean {
    return this.table.indexOf(slot) < this.#received(this.table.deviceOf(slot));
  }

  #free(slot: number): void {
    const device = this.table.deviceOf(slot);
    this.table.free(slot);
    this.#fitNeed(device);
    this.signals.raise(this.roomWord(device));
  }

  /** A device that posts nothing more needs no more slots than it has: the others may have what it leaves. */
  #fitNeed(device: number): void {
    const at = this.#device(device);
    if (this.words[at + ENDED] === 0 && this.words[at + ABORTED] === 0) return;
    this.words[at + NEED] = this.table.held(device);
    const before = this.words[SHARE]!;
    this.words[SHARE] = this.#share();
    if (this.words[SHARE] > before)
      for (let d = 0; d < this.devices; d++) if (d !== device) this.signals.raise(this.roomWord(d));
  }

  /** Slots that a device may have, as things are. */
  #share(): number {
    const needs = HEADER + NEED;
    return shareFor(this.words, needs, DEVICE_WORDS, this.devices, this.slots, this.words[PER_DEVICE]!);
  }

  #device(device: number): number {
    return HEADER + device * DEVICE_WORDS;
  }
}
