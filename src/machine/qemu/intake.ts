import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import {
  type ChannelCounters,
  Channels,
  type Connection,
  type WarmThreads,
} from '../../engine/channels/index.ts';
import { noneKind, type RamCounts, RamReceiver, ramKind } from '../../engine/payloads/index.ts';
import { FerryError } from '../../errors.ts';
import {
  DEFAULT_PAGE_SIZE,
  type DeviceSection,
  IncomingStream,
  STREAM_TIMINGS,
  type StreamBlock,
  type StreamEvent,
} from '../../qemu-stream/index.ts';
import { clearMemory } from '../../sys/index.ts';
import type { BlockMemory } from './block-memory.ts';
import type { Ending } from './ending.ts';
import type { QemuReceiverOptions } from './options.ts';

/** What came from a source. */
export interface Received {
  /** The machine's type. */
  readonly machine: string;
  /** What the devices saved, and QEMU's description of it. */
  readonly devices: readonly DeviceSection[];
  readonly description: Uint8Array;
  /** How often all channels waited for each other. */
  readonly barriers: number;
  /** Bytes of the main stream and of all channels. */
  readonly bytes: number;
  /** What arrived of RAM over channels. */
  readonly pages: RamCounts;
  /** Pages that were never sent, which are as they were. */
  readonly neverSent: number;
  readonly channels: readonly ChannelCounters[];
  /** From the first byte of the main stream until the source was told that everything had arrived. */
  readonly milliseconds: number;
}

interface IntakeOptions extends QemuReceiverOptions {
  readonly memory: BlockMemory;
  readonly end: Ending;
  readonly threads: WarmThreads;
}

type Prologue = Extract<StreamEvent, { type: 'prologue' }>;
type Devices = Extract<StreamEvent, { type: 'devices' }>;

/** RAM on its way: what there is from the list of blocks on. */
interface Ram {
  readonly channels: Channels;
  readonly receiver: RamReceiver;
  /** Whether what was not received is zero. */
  readonly fresh: boolean;
}

/** One machine on its way here, over connections that it owns. */
export class Intake implements AsyncDisposable {
  readonly #options: IntakeOptions;
  readonly #main: Duplex;
  readonly #stream: IncomingStream;
  readonly #stall: number;
  readonly #begun = performance.now();
  #waiting: readonly Connection[];
  #prologue: Prologue | undefined;
  #pageSize = DEFAULT_PAGE_SIZE;
  #ram: Ram | undefined;
  #barriers = 0;
  /** Packets that had come when all channels stood at the last barrier. */
  #packets = 0;
  #devices: Devices | undefined;
  #milliseconds = 0;

  /** `connections` are the channels', by their ids. All are taken over. */
  constructor(main: Connection, connections: readonly Connection[], options: IntakeOptions) {
    this.#options = options;
    this.#waiting = connections;
    this.#main = main.stream('receive');
    const { limits, timings } = options;
    this.#stall = timings?.stall ?? STREAM_TIMINGS.stall;
    this.#stream = new IncomingStream(this.#main, {
      signal: options.end.signal,
      ...(limits && { limits }),
      ...(timings && { timings }),
    });
  }

  /** Take all of it. The source has been told how it ended when this resolves or rejects. */
  async run(): Promise<Received> {
    try {
      for await (const event of this.#stream.events()) {
        this.#options.onEvent?.(event);
        await this.#take(event);
      }
      return await this.#finish();
    } catch (error) {
      await this.#sayFailed();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ram?.channels[Symbol.asyncDispose]();
    await Promise.all(this.#waiting.map((connection) => connection[Symbol.asyncDispose]()));
    if (this.#main.closed) return;
    const closed = once(this.#main, 'close');
    this.#main.destroy();
    await closed;
  }

  async #take(event: StreamEvent): Promise<void> {
    switch (event.type) {
      case 'prologue':
        return this.#begin(event);
      case 'blocks':
        return await this.#prepare(event.blocks);
      case 'zero-pages':
        return this.#clear(event.block.name, event.offsets.subarray(0, event.count));
      case 'page':
      case 'xbzrle':
        throw new FerryError(
          'ERR_QEMU_PAGES',
          `A page of ${event.block.name} came in the main stream: multifd is off at the source, or XBZRLE on`,
        );
      case 'flush':
        return await this.#barrier();
      case 'end-of-ram':
        if (this.#options.barrierInEachSection === true) await this.#barrier();
        return;
      case 'devices':
        return await this.#acknowledge(event);
    }
  }

  #begin(prologue: Prologue): void {
    for (const one of prologue.subsections) {
      if (one.name === 'target-page-bits') this.#pageSize = 2 ** one.bits;
      if (one.name === 'capabilities' && one.capabilities.includes('x-ignore-shared'))
        throw new FerryError(
          'ERR_QEMU_PAGES',
          'The source has x-ignore-shared on, and would not send its RAM',
        );
      const { uuid } = this.#options;
      if (one.name === 'uuid' && uuid !== undefined && Buffer.compare(one.uuid, uuid) !== 0)
        throw new FerryError(
          'ERR_QEMU_UUID',
          `The machine's UUID is ${Buffer.from(one.uuid).toString('hex')}, expected ${Buffer.from(uuid).toString('hex')}`,
        );
    }
    this.#prologue = prologue;
  }

  /** Make room for RAM, and let the channels read: all that they have before the first flush is a SYNC packet. */
  async #prepare(listed: readonly StreamBlock[]): Promise<void> {
    const { memory, end, threads, method = 'none' } = this.#options;
    const blocks = listed.map(({ name, length }) => memory.add(name, length));
    const { fresh } = memory;
    memory.fresh = false;
    const pageSize = this.#pageSize;
    const receiver = new RamReceiver(blocks, { channels: this.#waiting.length, pageSize, fresh, method });
    const connections = this.#waiting;
    this.#waiting = [];
    const channels = await Channels.start(
      {
        direction: 'receive',
        connections,
        kinds: [ramKind(receiver), noneKind(pageSize)],
        extended: false,
        checksum: false,
        packetMs: this.#stall,
        threads,
        onFailure: (_id, error) => end.because(error),
      },
      { signal: end.signal },
    );
    this.#ram = { channels, receiver, fresh };
    if (this.#options.switchoverAck === true) await this.#stream.acknowledgeSwitchover();
  }

  /** Pages of zeroes that the source found itself: channels are not reading these now. */
  #clear(name: string, offsets: Float64Array): void {
    const { receiver, fresh } = this.#arriving();
    const { address, firstPage } = receiver.layout.blocks.find((block) => block.name === name)!;
    for (const offset of offsets) {
      const page = firstPage + offset / this.#pageSize;
      if (!fresh || receiver.received.has(page)) clearMemory(address + offset, this.#pageSize);
      receiver.received.add(page);
    }
  }

  async #barrier(): Promise<void> {
    const { channels, receiver } = this.#arriving();
    const barrier = ++this.#barriers;
    await channels.barrierReached(barrier, { signal: this.#options.end.signal, deadline: this.#stall });
    this.#packets = receiver.counters().packets;
    channels.releaseBarrier(barrier);
  }

  /** Everything is here: no channel may be beyond what the main stream said, and nothing may follow. */
  async #acknowledge(event: Devices): Promise<void> {
    const { channels } = this.#arriving();
    for (let id = 0; id < this.#options.channels; id++) {
      const reached = channels.barrierOf(id);
      if (reached !== this.#barriers)
        throw new FerryError(
          'ERR_QEMU_BARRIER',
          `Channel ${id} has ${reached} SYNC packets, the main stream has ${this.#barriers} barriers`,
        );
    }
    this.#options.end.signal.throwIfAborted();
    this.#devices = event;
    await this.#stream.shut(0);
    this.#milliseconds = performance.now() - this.#begun;
  }

  /** The source has closed the main connection after the end of the stream; its channels end as well. */
  async #finish(): Promise<Received> {
    const { channels, receiver } = this.#arriving();
    const { sections, description } = this.#devices!;
    await channels.finish({ signal: this.#options.end.signal, deadline: this.#stall });
    const pages = receiver.counters();
    if (pages.packets !== this.#packets)
      throw new FerryError(
        'ERR_QEMU_BARRIER',
        `${pages.packets - this.#packets} packets came behind the last barrier`,
      );
    const counters = Array.from({ length: this.#options.channels }, (_, id) => channels.counters(id));
    const all = receiver.layout.blocks.reduce((sum, block) => sum + block.pages, 0);
    return {
      machine: this.#prologue!.machine,
      devices: sections,
      description,
      barriers: this.#barriers,
      bytes: counters.reduce((sum, { bytes }) => sum + bytes, this.#stream.bytes),
      pages,
      neverSent: all - receiver.received.count(),
      channels: counters,
      milliseconds: this.#milliseconds,
    };
  }

  async #sayFailed(): Promise<void> {
    try {
      await this.#stream.shut(1);
    } catch {
      // The source hears of it by the end of its connections
    }
  }

  #arriving(): Ram {
    if (this.#ram === undefined)
      throw new FerryError('ERR_QEMU_PAGES', 'The stream has come to its end without any RAM in it');
    return this.#ram;
  }
}
