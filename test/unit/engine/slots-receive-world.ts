/** A receiver's ledger among channels and loaders that do one step after the other in any order, beside what must hold. */
import assert from 'node:assert/strict';
import {
  DROP,
  NO_ROOM,
  ReceiveLedger,
  type ReceiveLedgerOptions,
  WITHHOLD,
} from '../../../src/engine/slots/receive-ledger.ts';
import { Chance } from './slots-random.ts';

export interface WorldOptions extends ReceiveLedgerOptions {
  readonly seed: number;
  readonly channels: number;
  /** How many buffers each device has, at least one. */
  readonly totals: readonly number[];
  /** Devices that load nothing after so many buffers; the others load everything. */
  readonly stuckAfter: ReadonlyMap<number, number>;
  /** Bytes of a buffer. */
  readonly length: number;
  /** Lowest index first, or last index first: how a stock sender hands its packets to channels. */
  readonly order: 'random' | 'worst';
  /** Whether some buffers come compressed: only from senders that keep to credits. */
  readonly packed: boolean;
  /** Whether devices are given up now and then. */
  readonly aborts: boolean;
}

interface Packet {
  readonly device: number;
  readonly index: number;
  readonly last: boolean;
}

interface Channel {
  readonly queue: Packet[];
  /** Where the packet that is being read goes. */
  filling: number;
}

export class ReceiveWorld {
  readonly ledger: ReceiveLedger;
  readonly #options: WorldOptions;
  readonly #chance: Chance;
  readonly #channels: readonly Channel[];
  /** What the model says is in each place. */
  readonly #places = new Map<number, Packet>();
  /** Slots that have come compressed, and those of them that are being decompressed. */
  readonly #packed = new Set<number>();
  readonly #unpacking: number[] = [];
  readonly #aborted = new Set<number>();
  readonly #next: number[];
  readonly #arrived: Set<number>[];
  /** What each device may send, what its sender was told of that last, and the first buffer that it has not sent. */
  readonly #credits: number[];
  readonly #told: number[];
  readonly #unsent: number[];
  #mostSlots = 0;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.#chance = new Chance(options.seed);
    this.ledger = ReceiveLedger.create(
      options,
      options.totals.map((_, d) => `device ${d}`),
    );
    this.#channels = Array.from({ length: options.channels }, () => ({ queue: [], filling: -1 }));
    this.#next = options.totals.map(() => 0);
    this.#arrived = options.totals.map(() => new Set());
    this.#credits = options.totals.map(() => 0);
    this.#told = options.totals.map(() => 0);
    this.#unsent = options.totals.map(() => 0);
    for (const d of options.totals.keys()) this.ledger.open(d);
    if (!options.credits) this.#handOut();
  }

  /** Buffers that each device has loaded. */
  get loaded(): readonly number[] {
    return this.#next;
  }

  /** Slots that were in use at the same time. */
  get mostSlots(): number {
    return this.#mostSlots;
  }

  /** Run until nothing can happen any more. Nothing may be lost by then but what stuck devices have not loaded. */
  run(): void {
    for (;;) {
      const moved = this.#burst();
      this.#checkAll();
      if (moved) continue;
      this.ledger.markStuck();
      if (!this.#everyone()) break;
    }
    for (const [d, total] of this.#options.totals.entries()) {
      if (this.#aborted.has(d)) continue;
      const wanted = Math.min(total, this.#options.stuckAfter.get(d) ?? total);
      assert.equal(this.#next[d], wanted, `device ${d} has not loaded everything`);
    }
  }

  /** Some steps of some channels and loaders. Whether any of them did anything; certain to find one that can. */
  #burst(): boolean {
    for (let i = 0; i < 40; i++) {
      const device = this.#chance.below(this.#options.totals.length);
      const turn = this.#chance.below(6);
      if (this.#chance.below(3) === 0) this.#unpack();
      if (this.#options.aborts && this.#chance.below(300) === 0) this.#abort(device);
      // Whoever died while it changed something: here nothing was half changed, and nothing may be by that
      if (this.#chance.below(50) === 0) this.ledger.mend();
      if (turn < 2) this.#channelStep(this.#chance.pick(this.#channels));
      else if (turn < 4) this.#loaderStep(device);
      else if (this.#options.credits) turn === 4 ? this.#tell(device) : this.#send(device);
      else if (this.#chance.below(30) === 0) this.ledger.markStuck();
      this.#checkNextHasRoom(device);
    }
    return this.#everyone();
  }

  #everyone(): boolean {
    let moved = false;
    if (this.#options.credits)
      for (const d of this.#options.totals.keys()) {
        this.#tell(d);
        moved = this.#send(d) || moved;
      }
    for (const channel of this.#channels) moved = this.#channelStep(channel) || moved;
    while (this.#unpack()) moved = true;
    for (const d of this.#options.totals.keys()) moved = this.#loaderStep(d) || moved;
    return moved;
  }

  #channelStep(channel: Channel): boolean {
    if (channel.filling >= 0) {
      this.#arrive(channel);
      return true;
    }
    const packet = channel.queue[0];
    if (packet === undefined) return false;
    const id = this.#channels.indexOf(channel);
    const { length } = this.#options;
    const place = this.ledger.claim(id, packet.device, packet.index, length, packet.last, false);
    assert.equal(place === DROP, this.#aborted.has(packet.device));
    if (place === DROP) {
      channel.queue.shift();
      return true;
    }
    assert.notEqual(place, NO_ROOM, 'the spill file is large enough for everything');
    if (place === WITHHOLD) return false;
    assert.ok(!this.#places.has(place), `place ${place} is in use`);
    if (this.#options.credits) assert.ok(place < this.ledger.slots);
    this.#places.set(place, packet);
    channel.filling = place;
    return true;
  }

  #arrive(channel: Channel): void {
    const place = channel.filling;
    channel.filling = -1;
    if (this.#chance.below(10) === 0) {
      // It broke in the middle: the packet comes once more
      this.ledger.abandon(place);
      this.#places.delete(place);
      return;
    }
    const packet = channel.queue.shift()!;
    if (this.#aborted.has(packet.device)) this.#places.delete(place);
    this.#arrived[packet.device]!.add(packet.index);
    const packed = this.#options.packed && this.#chance.below(3) > 0;
    this.ledger.publish(place, this.#options.length, packet.last, packed);
    if (packed && !this.#aborted.has(packet.device)) this.#packed.add(place);
  }

  /** Begin to decompress a slot, or finish any of those that were begun. */
  #unpack(): boolean {
    const found = this.#unpacking.length < 3 ? this.ledger.takePacked() : -1;
    if (found >= 0) {
      assert.ok(this.#packed.has(found) && !this.#unpacking.includes(found));
      this.#unpacking.push(found);
      return true;
    }
    if (this.#unpacking.length === 0) return false;
    const [slot] = this.#unpacking.splice(this.#chance.below(this.#unpacking.length), 1);
    this.#packed.delete(slot!);
    if (this.#aborted.has(this.#places.get(slot!)!.device)) this.#places.delete(slot!);
    this.ledger.unpacked(slot!, this.#options.length);
    return true;
  }

  /** Whether the device's next buffer is there, and not compressed. */
  #isAtHand(device: number): boolean {
    const index = this.#next[device]!;
    if (!this.#arrived[device]!.has(index)) return false;
    for (const [place, packet] of this.#places)
      if (packet.device === device && packet.index === index) return !this.#packed.has(place);
    return false;
  }

  #loaderStep(device: number): boolean {
    if (this.#next[device] === this.#options.stuckAfter.get(device) || this.#aborted.has(device))
      return false;
    const found = this.ledger.nextOf(device);
    assert.equal(found >= 0, this.#isAtHand(device));
    if (found < 0) return false;
    const place = found < this.ledger.slots ? found : this.#fetch(found, device);
    const packet = this.#places.get(place)!;
    assert.deepEqual([packet.device, packet.index], [device, this.#next[device]]);
    this.#countSlots();
    this.#places.delete(place);
    this.ledger.loaded(place);
    this.#next[device]!++;
    return true;
  }

  /** Give a device up: what has come of it is gone, but not what is being read, decompressed or loaded. */
  #abort(device: number): void {
    if (this.#aborted.has(device)) return;
    for (const [place, packet] of this.#places) {
      const isBusy = this.#unpacking.includes(place) || this.#channels.some((one) => one.filling === place);
      const isNext = packet.index === this.#next[device] && !this.#packed.has(place);
      if (packet.device !== device || isBusy || isNext) continue;
      this.#places.delete(place);
      this.#packed.delete(place);
    }
    this.#aborted.add(device);
    this.ledger.abort(device);
  }

  #fetch(from: number, device: number): number {
    const to = this.ledger.fetchTo(device);
    assert.ok(to >= 0 && to < this.ledger.slots && !this.#places.has(to));
    this.#places.set(to, this.#places.get(from)!);
    this.#countSlots();
    this.ledger.fetched(from, to);
    this.#places.delete(from);
    return to;
  }

  /** The sender hears what the device may send by now. */
  #tell(device: number): void {
    this.#told[device] = this.ledger.device(device).credit;
  }

  /** A sender that keeps to what it was told last sends the device's next buffer. Whether it could. */
  #send(device: number): boolean {
    const index = this.#unsent[device]!;
    if (index >= this.#told[device]! || index >= this.#options.totals[device]!) return false;
    this.#unsent[device]!++;
    const last = index + 1 === this.#options.totals[device];
    this.#chance.pick(this.#channels).queue.push({ device, index, last });
    return true;
  }

  /** A sender that knows no credits: everything is on its way, in any order. */
  #handOut(): void {
    const packets = this.#options.totals.flatMap((total, device) =>
      Array.from({ length: total }, (_, index) => ({ device, index, last: index + 1 === total })),
    );
    if (this.#options.order === 'worst') packets.sort((a, b) => b.index - a.index);
    else this.#chance.shuffle(packets);
    for (const packet of packets) this.#chance.pick(this.#channels).queue.push(packet);
  }

  #countSlots(): void {
    const used = [...this.#places.keys()].filter((place) => place < this.ledger.slots).length;
    this.#mostSlots = Math.max(this.#mostSlots, used);
    assert.ok(used <= this.ledger.slots);
  }

  #checkAll(): void {
    this.#countSlots();
    for (const d of this.#options.totals.keys()) {
      const facts = this.ledger.device(d);
      const mine = [...this.#places].filter(([, { device }]) => device === d);
      assert.equal(facts.next, this.#next[d]);
      assert.equal(facts.held, mine.filter(([place]) => place < this.ledger.slots).length);
      assert.equal(facts.spilled, mine.filter(([place]) => place >= this.ledger.slots).length);
      if (this.#aborted.has(d)) continue;
      let received = 0;
      while (this.#arrived[d]!.has(received)) received++;
      assert.equal(facts.received, received);
    }
  }

  /** The device's next buffer, did it come now, would find a slot; and what it was once allowed it still is. */
  #checkNextHasRoom(device: number): void {
    if (this.#aborted.has(device)) return;
    const index = this.#next[device]!;
    const total = this.#options.totals[device]!;
    const { credit } = this.ledger.device(device);
    assert.ok(credit >= this.#credits[device]!, 'a credit went down');
    this.#credits[device] = credit;
    assert.ok(credit >= Math.min(index + 2, total), `two slots are kept for device ${device}`);
    const isKnown = [...this.#places.values()].some(
      (packet) => packet.device === device && packet.index === index,
    );
    if (index === total || isKnown) return;
    const place = this.ledger.claim(99, device, index, 0, false, false);
    assert.ok(
      place >= 0 && place < this.ledger.slots && !this.#places.has(place),
      'the next buffer has no slot',
    );
    this.ledger.abandon(place);
  }
}
