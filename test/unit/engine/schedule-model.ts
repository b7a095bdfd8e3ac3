/**
 * A whole transfer of RAM and device state without threads: the ledgers, the barriers and the turns of channels that real
 * ones use, stepped in an order that follows from a seed. What can do nothing more while it should is a deadlock.
 */
import assert from 'node:assert/strict';
import { ChannelControl } from '../../../src/engine/channels/control.ts';
import type { PayloadSource } from '../../../src/engine/channels/kind.ts';
import { Turns } from '../../../src/engine/channels/turns.ts';
import { DROP, NO_ROOM, ReceiveLedger, WITHHOLD } from '../../../src/engine/slots/receive-ledger.ts';
import { SendLedger } from '../../../src/engine/slots/send-ledger.ts';
import { Chance } from './slots-random.ts';

export interface ModelOptions {
  readonly seed: number;
  readonly channels: number;
  /** Buffers of each device. */
  readonly totals: readonly number[];
  readonly slots: { readonly source: number; readonly destination: number };
  /** RAM packets of each pass; the machine stands still before the last one. */
  readonly passes: readonly number[];
  /** Packets that are on their way on one channel at most. */
  readonly room: number;
  /** Whether there are credits; else devices send what they have, and what has no room is spilled. */
  readonly credits: boolean;
  /** Devices that load nothing after so many buffers. */
  readonly stuckAfter: ReadonlyMap<number, number>;
  /** How many channels break in the course of it; each comes back. Needs credits. */
  readonly breaks: number;
  /** As it should not be: the main side waits for all devices when the machine stands still, before the last barrier. */
  readonly waitsTooEarly?: boolean;
}

type Packet =
  | { readonly kind: 'ram' | 'barrier' }
  | {
      readonly kind: 'device';
      readonly device: number;
      readonly index: number;
      readonly last: boolean;
      readonly again: boolean;
    };
type Word =
  | { readonly kind: 'barrier'; readonly n: number }
  | { readonly kind: 'switchover' | 'end' }
  | { readonly kind: 'grant'; readonly device: number; readonly credit: number; readonly received: number };

/** A channel at both of its ends, and what is between them. */
interface Channel {
  turns: Turns;
  seen: number;
  readonly wire: Packet[];
  /** Where the packet that is being read goes; -1 for none. */
  filling: number;
}

export class ScheduleModel {
  readonly #options: ModelOptions;
  readonly #chance: Chance;
  readonly #sending: ChannelControl;
  readonly #receiving: ChannelControl;
  readonly #from: SendLedger;
  readonly #to: ReceiveLedger;
  readonly #channels: Channel[];
  readonly #forth: Word[] = [];
  readonly #back: Word[] = [];
  readonly #granted: { credit: number; received: number }[];
  /** Packets of the pass that are not sent, those that have arrived, and those of each channel that may not have. */
  #ram = 0;
  #arrivedRam = 0;
  readonly #lostRam: number[];
  #pass = -1;
  #barrier = 0;
  #barriersDone = 0;
  #stopped = false;
  #isEndSaid = false;
  readonly #saved: number[];
  readonly #loaded: number[];
  /** Whether the present barrier's word was said. */
  #isSaid = false;
  #breaks: number;
  #ended = false;

  constructor(options: ModelOptions) {
    const { channels, totals, slots, credits } = options;
    this.#options = options;
    this.#chance = new Chance(options.seed);
    this.#breaks = options.breaks;
    this.#sending = ChannelControl.create(channels, 3);
    this.#receiving = ChannelControl.create(channels, 3);
    const common = { devices: totals.length, perDevice: 8, credits };
    this.#from = SendLedger.create({ ...common, slots: slots.source, keep: credits, pack: false });
    const spill = credits ? { places: 0, bytes: 0 } : { places: 4096, bytes: 2 ** 30 };
    this.#to = ReceiveLedger.create(
      { ...common, slots: slots.destination, spill },
      totals.map((_, d) => `device ${d}`),
    );
    this.#channels = Array.from({ length: channels }, (_, id) => ({
      turns: new Turns(this.#sources(id)),
      seen: 0,
      wire: [],
      filling: -1,
    }));
    this.#granted = totals.map(() => ({ credit: 0, received: 0 }));
    this.#lostRam = Array.from({ length: channels }, () => 0);
    this.#saved = totals.map(() => 0);
    this.#loaded = totals.map(() => 0);
    for (const device of totals.keys()) this.#to.open(device);
  }

  /** Buffers that each device has loaded. */
  get loaded(): readonly number[] {
    return this.#loaded;
  }

  /** Packets of RAM that have arrived. */
  get arrivedRam(): number {
    return this.#arrivedRam;
  }

  /** Whether both ends have come to their end: nothing is left to wait for. */
  get hasEnded(): boolean {
    return this.#ended;
  }

  /** Run until nothing can happen any more. */
  run(): void {
    const { channels, totals } = this.#options;
    const steps = [
      () => this.#sourceMain(),
      () => this.#destinationMain(),
      () => this.#hearGrants(),
      () => this.#grant(),
      () => this.#break(),
      ...Array.from({ length: channels }, (_, id) => [() => this.#send(id), () => this.#receive(id)]).flat(),
      ...totals.flatMap((_, device) => [() => this.#save(device), () => this.#load(device)]),
    ];
    for (let quiet = 0; quiet < 2; ) {
      for (let i = 0; i < steps.length; i++) this.#chance.pick(steps)();
      const moved = this.#chance.shuffle([...steps]).filter((step) => step()).length > 0;
      quiet = moved ? 0 : quiet + 1;
      // A second without anything loaded: who withholds reads for a device looks no longer at those that do not get on
      if (!moved) this.#to.markStuck();
    }
  }

  // The source

  #sources(id: number): PayloadSource[] {
    const write = () => undefined;
    const ram = {
      ordered: true,
      weight: 1,
      take: () => {
        if (this.#ram === 0) return false;
        this.#ram--;
        this.#lostRam[id]!++;
        return this.#put(id, { kind: 'ram' });
      },
      write,
    };
    return [ram, { ordered: false, weight: 4, take: () => this.#takeState(id), write }];
  }

  #takeState(id: number): boolean {
    const slot = this.#from.take(id);
    if (slot < 0) return false;
    const { table } = this.#from;
    const [device, index] = [table.deviceOf(slot), table.indexOf(slot)];
    this.#put(id, { kind: 'device', device, index, last: table.isLast(slot), again: table.isAgain(slot) });
    this.#from.wrote(slot);
    return true;
  }

  #put(id: number, packet: Packet): true {
    this.#channels[id]!.wire.push(packet);
    return true;
  }

  /** What a sending channel does each time: the rules of its loop. */
  #send(id: number): boolean {
    const channel = this.#channels[id]!;
    const control = this.#sending;
    if (channel.wire.length >= this.#options.room) return false;
    const { posted } = control;
    const written = control.barrierOf(id);
    if (posted > channel.seen) channel.turns.barrier();
    channel.seen = posted;
    const held = posted === written && !control.allPassed(written);
    const taken = channel.turns.take(held) >= 0;
    if (posted === written || !channel.turns.isDry) return taken;
    this.#put(id, { kind: 'barrier' });
    control.setBarrier(id, written + 1);
    channel.turns.barrier();
    return true;
  }

  #sourceMain(): boolean {
    const { passes, totals } = this.#options;
    const all = this.#sending.allPassed(this.#barrier);
    if (!all || this.#ended) return false;
    if (this.#barriersDone < this.#barrier) {
      if (this.#isSaid) return false;
      this.#isSaid = true;
      this.#forth.push({ kind: 'barrier', n: this.#barrier });
      return true;
    }
    this.#isSaid = false;
    this.#lostRam.fill(0);
    if (this.#ram === 0 && this.#pass + 1 < passes.length) return this.#nextPass();
    if (this.#ram > 0) return this.#openPass(0);
    if (this.#saved.some((saved, d) => saved < totals[d]!)) return false;
    if (this.#isEndSaid) return false;
    this.#isEndSaid = true;
    this.#forth.push({ kind: 'end' });
    return true;
  }

  #nextPass(): true {
    const { passes } = this.#options;
    this.#pass++;
    if (this.#pass === passes.length - 1) {
      this.#stopped = true;
      this.#forth.push({ kind: 'switchover' });
    }
    return this.#openPass(passes[this.#pass]!);
  }

  #openPass(packets: number): true {
    this.#ram += packets;
    this.#barrier = this.#sending.post();
    return true;
  }

  #save(device: number): boolean {
    const total = this.#options.totals[device]!;
    if (!this.#stopped || this.#saved[device] === total) return false;
    const slot = this.#from.reserve(device);
    if (slot < 0) return false;
    this.#saved[device]!++;
    this.#from.post(slot, 1, this.#saved[device] === total);
    return true;
  }

  #hearGrants(): boolean {
    const word = this.#back.shift();
    if (word?.kind !== 'grant') return false;
    if (word.credit > 0) this.#from.allow(word.device, word.credit - 1);
    if (word.received > 0) this.#from.received(word.device, word.received - 1);
    return true;
  }

  // The destination

  /** What a receiving channel does with its next packet: claim, and another time publish. */
  #receive(id: number): boolean {
    const channel = this.#channels[id]!;
    const control = this.#receiving;
    if (control.released < control.barrierOf(id)) return false;
    const packet = channel.wire[0];
    if (packet === undefined) return false;
    if (packet.kind === 'device' && !this.#state(channel, id, packet)) return false;
    if (packet.kind === 'device' && channel.filling >= 0) return true;
    channel.wire.shift();
    if (packet.kind === 'ram') this.#arrivedRam++;
    if (packet.kind === 'barrier') control.setBarrier(id, control.barrierOf(id) + 1);
    return true;
  }

  /** Whether it got on with the packet: it has been read where nothing is being filled any more. */
  #state(channel: Channel, id: number, { device, index, last, again }: Packet & { kind: 'device' }): boolean {
    if (channel.filling >= 0) {
      this.#to.publish(channel.filling, 1, last);
      channel.filling = -1;
      return true;
    }
    const place = this.#to.claim(id, device, index, 1, last, again);
    assert.notEqual(place, NO_ROOM);
    if (place === WITHHOLD) return false;
    if (place !== DROP) channel.filling = place;
    return true;
  }

  #destinationMain(): boolean {
    const word = this.#forth[0];
    if (word === undefined || this.#ended) return false;
    if (word.kind === 'barrier' && !this.#receiving.allPassed(word.n)) return false;
    const early = word.kind === 'switchover' && this.#options.waitsTooEarly === true;
    if ((word.kind === 'end' || early) && !this.#areLoaded) return false;
    this.#forth.shift();
    if (word.kind === 'barrier') {
      this.#receiving.release(word.n);
      this.#barriersDone = word.n;
    }
    if (word.kind === 'end') this.#ended = true;
    return true;
  }

  get #areLoaded(): boolean {
    return this.#loaded.every((loaded, device) => loaded === this.#options.totals[device]);
  }

  #load(device: number): boolean {
    if (this.#loaded[device] === this.#options.stuckAfter.get(device)) return false;
    let place = this.#to.nextOf(device);
    if (place < 0) return false;
    if (place >= this.#to.slots) {
      const to = this.#to.fetchTo(device);
      this.#to.fetched(place, to);
      place = to;
    }
    this.#to.loaded(place);
    this.#loaded[device]!++;
    return true;
  }

  #grant(): boolean {
    if (!this.#options.credits) return false;
    let grown = false;
    for (const [device, said] of this.#granted.entries()) {
      const { credit, received } = this.#to.device(device);
      if (credit === said.credit && received === said.received) continue;
      this.#granted[device] = { credit, received };
      this.#back.push({ kind: 'grant', device, credit, received });
      grown = true;
    }
    return grown;
  }

  // Both

  /** A channel breaks, what is on its way is lost, and it comes back: the receiver's end is given up first. */
  #break(): boolean {
    if (this.#breaks === 0 || this.#pass < 0 || this.#chance.below(20) > 0) return false;
    this.#breaks--;
    const id = this.#chance.below(this.#channels.length);
    const channel = this.#channels[id]!;
    channel.wire.length = 0;
    channel.filling = -1;
    this.#to.lostBy(id);
    this.#ram += this.#lostRam[id]!;
    this.#lostRam[id] = 0;
    this.#from.lostBy(id);
    this.#sending.setBarrier(id, this.#receiving.barrierOf(id));
    channel.turns = new Turns(this.#sources(id));
    channel.seen = this.#sending.barrierOf(id);
    return true;
  }
}
