/** Module of the lanes of a `CpuPool`: each compresses, or decompresses, one slot after the other. */
import { asError } from '../../errors.ts';
import { copyMemory, type Mapping, mapAnonymous, ZstdFrames } from '../../sys/index.ts';
import { type ArenaPlace, deviceTitle } from './arena.ts';
import { ringBell } from './bell.ts';
import { BufferError } from './errors.ts';
import { SLOT_BYTES, WINDOW_LOG } from './limits.ts';
import { Lock } from './lock.ts';
import { ReceiveLedger } from './receive-ledger.ts';
import type { ReceiveSlotsStart } from './receive-slots.ts';
import { SendLedger } from './send-ledger.ts';
import type { SendSlotsStart } from './send-slots.ts';

/** What a lane is started with. Plain data. */
export interface CpuStart {
  readonly slots: { readonly send: SendSlotsStart } | { readonly receive: ReceiveSlotsStart };
  /** Level of zstd. */
  readonly level: number;
  /** A word that is not 0 any more when the lane is to end. */
  readonly stop: SharedArrayBuffer;
}

/** What there is to do with slots: `take` one, or -1, and do its work with memory of one's own. */
interface Chore {
  readonly ledger: {
    readonly words: Int32Array<SharedArrayBuffer>;
    readonly workWord: number;
    readonly isCancelled: boolean;
  };
  take(): number;
  work(slot: number): void;
}

/** The task of such a lane lasts until `stop`, or until the transfer is given up. */
export function createCpuLane(given: unknown): () => void {
  const { slots, level, stop } = given as CpuStart;
  const tools = new Tools(level);
  const chore = 'send' in slots ? new Packing(slots.send, tools) : new Unpacking(slots.receive, tools);
  const stopWord = new Int32Array(stop);
  return Object.assign(() => work(chore, stopWord), { [Symbol.dispose]: () => tools[Symbol.dispose]() });
}

function work(chore: Chore, stop: Int32Array): void {
  const { ledger } = chore;
  for (;;) {
    const seen = Atomics.load(ledger.words, ledger.workWord);
    if (Atomics.load(stop, 0) !== 0 || ledger.isCancelled) return;
    const slot = chore.take();
    if (slot >= 0) chore.work(slot);
    else Atomics.wait(ledger.words, ledger.workWord, seen);
  }
}

/** What one thread works with: zstd, and as much memory as a slot has. */
class Tools implements Disposable {
  readonly frames: ZstdFrames;
  readonly #scratch: Mapping;

  constructor(level: number) {
    this.frames = new ZstdFrames(level, WINDOW_LOG);
    this.#scratch = mapAnonymous(SLOT_BYTES, 'a slot to compress to');
  }

  get scratch(): number {
    return this.#scratch.address;
  }

  [Symbol.dispose](): void {
    this.frames[Symbol.dispose]();
    this.#scratch[Symbol.dispose]();
  }
}

class Packing implements Chore {
  readonly ledger: SendLedger;
  readonly #lock: Lock;
  readonly #arena: ArenaPlace;
  readonly #bell: Int32Array<SharedArrayBuffer>;
  readonly #tools: Tools;

  constructor(start: SendSlotsStart, tools: Tools) {
    this.ledger = new SendLedger(start.ledger);
    this.#lock = new Lock(this.ledger.words, 0, this.ledger.signals);
    this.#arena = start.arena;
    this.#bell = new Int32Array(start.bell);
    this.#tools = tools;
  }

  take(): number {
    return this.#lock.holding(() => this.ledger.takeRaw());
  }

  /** What does not become shorter travels as it is. */
  work(slot: number): void {
    const at = this.#arena.address + slot * SLOT_BYTES;
    const { frames, scratch } = this.#tools;
    const length = this.ledger.table.lengthOf(slot);
    const packed = frames.compress(at, length, scratch, length - 1);
    if (packed >= 0) copyMemory(at, scratch, packed);
    this.#lock.holding(() => this.ledger.packed(slot, packed < 0 ? undefined : packed));
    ringBell(this.#bell);
  }
}

class Unpacking implements Chore {
  readonly ledger: ReceiveLedger;
  readonly #lock: Lock;
  readonly #arena: ArenaPlace;
  readonly #titles: readonly string[];
  readonly #tools: Tools;

  constructor(start: ReceiveSlotsStart, tools: Tools) {
    this.#titles = start.devices.map(deviceTitle);
    this.ledger = new ReceiveLedger(start.ledger, this.#titles);
    this.#lock = new Lock(this.ledger.words, 0, this.ledger.signals);
    this.#arena = start.arena;
    this.#tools = tools;
  }

  take(): number {
    return this.#lock.holding(() => this.ledger.takePacked());
  }

  /** Throws `ERR_BUFFER_DATA` for what is not one frame that fits a slot. */
  work(slot: number): void {
    const at = this.#arena.address + slot * SLOT_BYTES;
    const { scratch } = this.#tools;
    const length = this.#decompress(slot, at, scratch);
    copyMemory(at, scratch, length);
    this.#lock.holding(() => this.ledger.unpacked(slot, length));
  }

  #decompress(slot: number, from: number, to: number): number {
    try {
      return this.#tools.frames.decompress(from, this.ledger.lengthOf(slot), to, SLOT_BYTES);
    } catch (error) {
      const title = this.#titles[this.ledger.deviceOf(slot)]!;
      const index = this.ledger.indexOf(slot);
      throw new BufferError('ERR_BUFFER_DATA', title, `buffer ${index}: ${asError(error).message}`);
    }
  }
}
