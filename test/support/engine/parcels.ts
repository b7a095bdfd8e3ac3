/**
 * A kind of payload that no source knows: numbered parcels of several producers, whose contents follow from their numbers. The
 * module is loaded by its URL in every channel thread.
 */
import { crc32c } from '@node-rs/crc32';
import type {
  ChannelFacts,
  KindStart,
  PacketReader,
  PacketWriter,
  PayloadKind,
} from '../../../src/engine/channels/index.ts';

/** Bytes of a packet's header: 12 of the channel, then producer, number, length and the barriers before it, u32 each. */
export const PARCEL_HEADER = 28;

/** Flag of a barrier. */
const SYNC = 1;

const OPEN = 0;
const TAKEN = 1;
const HOLD = 2;
const ENTERED = 3;
const EPOCH = 4;
const PRODUCERS = 5;

/** What the threads of the kind share. */
export interface ParcelsStart {
  readonly name: string;
  readonly flag: number;
  readonly ordered: boolean;
  readonly weight: number;
  readonly producers: number;
  /** Parcels of each producer. */
  readonly each: number;
  /** Bytes of the longest parcel. */
  readonly most: number;
  readonly words: SharedArrayBuffer;
  /** For each parcel, how often it came. */
  readonly came: SharedArrayBuffer;
  readonly barriers: boolean;
}

/** The main thread's hold on a set of parcels. */
export class Parcels {
  readonly start: ParcelsStart;
  readonly kind: KindStart;
  readonly #words: Int32Array;
  readonly #came: Uint8Array;

  constructor(options: Partial<ParcelsStart> = {}) {
    const { producers = 3, each = 40 } = options;
    this.start = {
      name: 'parcels',
      flag: 0x08,
      ordered: true,
      weight: 1,
      most: 5000,
      barriers: true,
      ...options,
      producers,
      each,
      words: new SharedArrayBuffer(4 * (PRODUCERS + 2 * producers)),
      came: new SharedArrayBuffer(producers * each),
    };
    this.#words = new Int32Array(this.start.words);
    this.#came = new Uint8Array(this.start.came);
    this.kind = { module: import.meta.url, start: this.start };
  }

  /** Let producer `producer` have `count` parcels more to be taken. */
  offer(producer: number, count: number): void {
    Atomics.add(this.#words, PRODUCERS + 2 * producer + OPEN, count);
  }

  /** Everything that is offered from now on is behind barrier `epoch`. */
  setEpoch(epoch: number): void {
    Atomics.store(this.#words, EPOCH, epoch);
  }

  /** Parcels that came. */
  get came(): number {
    return this.#came.reduce((sum, times) => sum + times, 0);
  }

  /** Parcels that came twice, or not at all though they were offered. */
  get wrong(): string[] {
    const { producers, each } = this.start;
    return Array.from({ length: producers }, (_, producer) => producer).flatMap((producer) => {
      const offered = this.#words[PRODUCERS + 2 * producer + OPEN]!;
      return Array.from({ length: each }, (_, i) => i)
        .filter((i) => this.#came[producer * each + i] !== (i < offered ? 1 : 0))
        .map((i) => `${producer}/${i} came ${this.#came[producer * each + i]} times`);
    });
  }

  /** Have sinks stop at the next parcel, as a device that is stuck would. */
  hold(): void {
    Atomics.store(this.#words, HOLD, 1);
  }

  /** Whether a sink is stuck. */
  get isHeld(): boolean {
    return Atomics.load(this.#words, ENTERED) === 1;
  }

  /** Resolves when a sink is stuck. */
  async held(): Promise<void> {
    const { async, value } = Atomics.waitAsync(this.#words, ENTERED, 0);
    if (async) await value;
  }

  release(): void {
    Atomics.store(this.#words, HOLD, 0);
    Atomics.notify(this.#words, HOLD);
  }
}

/** Contents of a parcel, and how long it is. */
export function parcelLength(start: Pick<ParcelsStart, 'most'>, producer: number, number: number): number {
  return 1 + ((number * 7919 + producer * 104_729) % start.most);
}

function contentAt(producer: number, number: number, at: number): number {
  return (at * 31 + number * 17 + producer * 5 + 1) & 0xff;
}

/** The whole packet of a parcel, as it goes over the wire without a checksum. */
export function parcelPacket(start: ParcelsStart, producer: number, number: number, epoch = 0): Buffer {
  const length = parcelLength(start, producer, number);
  const bytes = Buffer.alloc(PARCEL_HEADER + length);
  for (const [i, word] of [0x1122_3344, 1, start.flag, producer, number, length, epoch].entries())
    bytes.writeUInt32BE(word, i * 4);
  for (let at = 0; at < length; at++) bytes[PARCEL_HEADER + at] = contentAt(producer, number, at);
  return bytes;
}

/** `packet` with the checksum behind it that goes with the extension. */
export function checksummed(packet: Buffer): Buffer {
  const bytes = Buffer.concat([packet, Buffer.alloc(4)]);
  bytes.writeUInt32BE(bytes.readUInt32BE(8) | 0x80, 8);
  bytes.writeUInt32BE(crc32c(bytes.subarray(0, packet.length)), packet.length);
  return bytes;
}

/** A barrier, as it goes over the wire without a checksum. */
export function barrierPacket(): Buffer {
  const bytes = Buffer.alloc(PARCEL_HEADER);
  for (const [i, word] of [0x1122_3344, 1, SYNC].entries()) bytes.writeUInt32BE(word, i * 4);
  return bytes;
}

/** What each channel thread calls. */
export function createKind(start: ParcelsStart, channel: ChannelFacts): PayloadKind {
  const words = new Int32Array(start.words);
  const came = new Uint8Array(start.came);
  let turn = channel.id % start.producers;
  let producer = 0;
  let number = 0;
  let barriers = 0;

  function take(): boolean {
    for (let asked = 0; asked < start.producers; asked++) {
      producer = turn;
      turn = (turn + 1) % start.producers;
      const at = PRODUCERS + 2 * producer;
      for (;;) {
        number = Atomics.load(words, at + TAKEN);
        if (number >= Atomics.load(words, at + OPEN)) break;
        if (Atomics.compareExchange(words, at + TAKEN, number, number + 1) === number) return true;
      }
    }
    return false;
  }

  function write(packet: PacketWriter): void {
    const length = parcelLength(start, producer, number);
    const bytes = parcelPacket(start, producer, number, Atomics.load(words, EPOCH));
    packet.header.bytes.set(bytes.subarray(12, PARCEL_HEADER), 12);
    packet.staging.bytes.set(bytes.subarray(PARCEL_HEADER));
    // In two pieces, so that there is something to put together
    const half = length >> 1;
    packet.add(packet.staging, 0, half);
    packet.add(packet.staging, half, length - half);
    packet.send(start.flag, PARCEL_HEADER);
  }

  function read(flags: number, packet: PacketReader): void {
    packet.readHeader(PARCEL_HEADER);
    if (flags === SYNC) {
      packet.end();
      barriers++;
      return;
    }
    const view = Buffer.from(packet.header.bytes.buffer, packet.header.bytes.byteOffset);
    const [from, index, length, epoch] = [12, 16, 20, 24].map((at) => view.readUInt32BE(at)) as [
      number,
      number,
      number,
      number,
    ];
    if (length > start.most) throw new Error(`A parcel of ${length} bytes`);
    packet.add(packet.staging, 0, length);
    packet.receive();
    packet.end();
    for (let at = 0; at < length; at++)
      if (packet.staging.bytes[at] !== contentAt(from, index, at))
        throw new Error(`Parcel ${from}/${index} is wrong at byte ${at}`);
    if (start.ordered && epoch !== barriers)
      throw new Error(`Parcel ${from}/${index} of epoch ${epoch} came behind ${barriers} barriers`);
    if (Atomics.load(words, HOLD) === 1) {
      Atomics.store(words, ENTERED, 1);
      Atomics.notify(words, ENTERED);
      Atomics.wait(words, HOLD, 1);
    }
    Atomics.add(came, from * start.each + index, 1);
  }

  const { name, ordered, weight, flag } = start;
  const source = { ordered, weight, take, write };
  return {
    name,
    source: start.barriers
      ? { ...source, writeBarrier: (packet) => packet.send(SYNC, PARCEL_HEADER) }
      : source,
    sink: { claims: (flags) => flags === flag || (start.barriers && flags === SYNC), read },
    [Symbol.dispose]: () => undefined,
  };
}
