/** A sender's ledger among devices and channels that do one step after the other in any order, beside what must hold. */
import assert from 'node:assert/strict';
import { SendLedger, type SendLedgerOptions } from '../../../src/engine/slots/send-ledger.ts';
import { Chance } from './slots-random.ts';

export interface SendWorldOptions extends SendLedgerOptions {
  readonly seed: number;
  readonly channels: number;
  /** How many buffers each device has, at least one. */
  readonly totals: readonly number[];
  /** Devices that the receiver takes nothing more of after so many buffers. */
  readonly stuckAfter: ReadonlyMap<number, number>;
  /** How far ahead of what was received the receiver lets a device send. */
  readonly ahead: number;
  /** Whether channels break now and then, and whether devices are given up. */
  readonly breaks: boolean;
  readonly aborts: boolean;
}

interface Buffer {
  readonly device: number;
  readonly index: number;
}

export class SendWorld {
  readonly ledger: SendLedger;
  readonly #options: SendWorldOptions;
  readonly #chance: Chance;
  /** What is in each slot: the model's own opinion. */
  readonly #slots = new Map<number, Buffer>();
  readonly #posted: number[];
  readonly #filling: number[];
  /** The slot that each channel writes, or -1. */
  readonly #writing: number[];
  /** Written by a channel and not yet read at the other end: lost when it breaks. */
  /** Slots that are being compressed. */
  readonly #packing: number[] = [];
  readonly #onTheWay: Buffer[][];
  readonly #arrived: Set<number>[];
  readonly #aborted = new Set<number>();

  constructor(options: SendWorldOptions) {
    this.#options = options;
    this.#chance = new Chance(options.seed);
    this.ledger = SendLedger.create(options);
    this.#posted = options.totals.map(() => 0);
    this.#filling = options.totals.map(() => -1);
    this.#writing = Array.from({ length: options.channels }, () => -1);
    this.#onTheWay = Array.from({ length: options.channels }, () => []);
    this.#arrived = options.totals.map(() => new Set());
  }

  /** Run until nothing can happen any more: then the receiver has every buffer of every device that it takes. */
  run(): void {
    for (;;) {
      for (let i = 0; i < 40; i++) this.#anyStep();
      this.#check();
      if (!this.#everyone()) break;
    }
    for (const [d, total] of this.#options.totals.entries()) {
      if (this.#aborted.has(d)) continue;
      const wanted = Math.min(total, this.#options.stuckAfter.get(d) ?? total);
      assert.ok(
        this.#received(d) >= wanted,
        `${this.#received(d)} of ${wanted} buffers of device ${d} have come`,
      );
    }
  }

  #anyStep(): void {
    const device = this.#chance.below(this.#options.totals.length);
    const channel = this.#chance.below(this.#options.channels);
    // Whoever died while it changed something: here nothing was half changed, and nothing may be by that
    if (this.#chance.below(50) === 0) this.ledger.mend();
    if (this.#options.pack) this.#pack();
    if (this.#options.aborts && this.#chance.below(300) === 0) {
      this.ledger.abort(device);
      this.#aborted.add(device);
    }
    switch (this.#chance.below(7)) {
      case 0:
      case 1:
        this.#fill(device);
        break;
      case 2:
      case 3:
        this.#channelStep(channel);
        break;
      case 4:
        this.#read(channel);
        break;
      case 5:
        this.#answer(device);
        break;
      default:
        if (this.#options.breaks && this.#chance.below(20) === 0) this.#break(channel);
    }
  }

  #everyone(): boolean {
    let moved = false;
    for (const d of this.#options.totals.keys()) moved = this.#fill(d) || moved;
    while (this.#pack()) moved = true;
    for (const c of this.#writing.keys()) moved = this.#channelStep(c) || moved;
    for (const c of this.#writing.keys()) moved = this.#read(c) || moved;
    for (const d of this.#options.totals.keys()) moved = this.#answer(d) || moved;
    return moved;
  }

  #fill(device: number): boolean {
    const slot = this.#filling[device]!;
    const total = this.#options.totals[device]!;
    if (slot >= 0) {
      const index = this.#posted[device]!++;
      this.#slots.set(slot, { device, index });
      this.#filling[device] = -1;
      this.ledger.post(slot, 10, index + 1 === total);
      return true;
    }
    if (this.#posted[device] === total) return false;
    const got = this.ledger.reserve(device);
    const held = this.#held(device);
    if (this.#aborted.has(device)) {
      assert.equal(got, -1);
      return false;
    }
    if (got < 0) {
      assert.ok(held >= 2, `device ${device} has ${held} slots and gets no more`);
      return false;
    }
    assert.ok(!this.#slots.has(got) && !this.#filling.includes(got), `slot ${got} is in use`);
    this.#filling[device] = got;
    return true;
  }

  /** Begin to compress a slot, or finish any of those that were begun. */
  #pack(): boolean {
    const raw = this.#packing.length < 3 ? this.ledger.takeRaw() : -1;
    if (raw >= 0) {
      assert.ok(!this.#packing.includes(raw) && this.#slots.has(raw));
      this.#packing.push(raw);
      return true;
    }
    if (this.#packing.length === 0) return false;
    const [slot] = this.#packing.splice(this.#chance.below(this.#packing.length), 1);
    this.ledger.packed(slot!, 5);
    return true;
  }

  #channelStep(channel: number): boolean {
    const slot = this.#writing[channel]!;
    if (slot >= 0) {
      this.#writing[channel] = -1;
      this.#onTheWay[channel]!.push(this.#slots.get(slot)!);
      this.ledger.wrote(slot);
      this.#sweep();
      return true;
    }
    const got = this.ledger.take(channel);
    if (got < 0) return false;
    const buffer = this.#slots.get(got)!;
    assert.ok(!this.#aborted.has(buffer.device));
    assert.deepEqual(
      [this.ledger.table.deviceOf(got), this.ledger.table.indexOf(got)],
      [buffer.device, buffer.index],
    );
    assert.equal(this.ledger.table.isLast(got), buffer.index + 1 === this.#options.totals[buffer.device]);
    assert.ok(buffer.index < this.ledger.device(buffer.device).allowed, 'sent beyond the credit');
    assert.equal(this.ledger.table.isPacked(got), this.#options.pack);
    assert.ok(!this.#writing.includes(got), 'two channels write the same slot');
    this.#writing[channel] = got;
    return true;
  }

  #read(channel: number): boolean {
    const buffer = this.#onTheWay[channel]!.shift();
    if (buffer === undefined) return false;
    const arrived = this.#arrived[buffer.device]!;
    if (!this.#options.breaks) assert.ok(!arrived.has(buffer.index), 'a buffer was sent twice');
    arrived.add(buffer.index);
    return true;
  }

  /** The receiver tells what it has, and how far the device may go. */
  #answer(device: number): boolean {
    if (!this.#options.credits) return false;
    const received = this.#received(device);
    const stuck = this.#options.stuckAfter.get(device) ?? Number.POSITIVE_INFINITY;
    const before = this.ledger.device(device);
    this.ledger.received(device, received - 1);
    this.ledger.allow(device, Math.min(received, stuck) + this.#options.ahead - 1);
    this.#sweep();
    const after = this.ledger.device(device);
    assert.ok(after.allowed >= before.allowed);
    return after.allowed > before.allowed || after.held < before.held;
  }

  #break(channel: number): void {
    this.#writing[channel] = -1;
    this.#onTheWay[channel] = [];
    this.ledger.lostBy(channel);
    this.#sweep();
  }

  /** What the ledger let go of may be gone: everything else it must have kept. */
  #sweep(): void {
    for (const [slot, { device, index }] of this.#slots) {
      if (this.ledger.table.stateOf(slot) !== 0) continue;
      const isSafe = index < this.ledger.device(device).received;
      assert.ok(isSafe || !this.#options.keep, `buffer ${index} of device ${device} was let go of`);
      this.#slots.delete(slot);
    }
  }

  #received(device: number): number {
    let received = 0;
    while (this.#arrived[device]!.has(received)) received++;
    return received;
  }

  #held(device: number): number {
    const posted = [...this.#slots.values()].filter((buffer) => buffer.device === device).length;
    return posted + (this.#filling[device]! >= 0 ? 1 : 0);
  }

  #check(): void {
    for (const d of this.#options.totals.keys()) {
      const facts = this.ledger.device(d);
      assert.equal(facts.held, this.#held(d));
      assert.equal(facts.posted, this.#posted[d]);
    }
    const used = this.#slots.size + this.#filling.filter((slot) => slot >= 0).length;
    assert.ok(used <= this.ledger.slots);
  }
}
