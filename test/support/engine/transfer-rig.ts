/** Machines of a few MiB for both ends of a transfer in one process, and what a test asks of them afterwards. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { placeBlocks, type RamBlock, type RamLayout } from '../../../src/engine/payloads/index.ts';
import { Lane } from '../../../src/engine/slots/index.ts';
import {
  type DestinationMachine,
  ExplicitMarks,
  type SourceMachine,
  type TransferTimings,
} from '../../../src/engine/transfer/index.ts';
import { PageBitmap } from '../../../src/memory/index.ts';
import { type Mapping, mapAnonymous } from '../../../src/sys/index.ts';
import type { Mishap, StateTask } from './transfer-lane.ts';

const PAGE = 4096;

/** Deadlines for tests: what should not happen is soon over. */
export const QUICK: Partial<TransferTimings> = {
  connectMs: 3_000,
  openMs: 10_000,
  acceptMs: 10_000,
  stallMs: 5_000,
  packetMs: 5_000,
  barrierMs: 5_000,
  stopMs: 3_000,
  saveMs: 5_000,
  loadMs: 5_000,
  startMs: 3_000,
  undoMs: 3_000,
  endMs: 3_000,
  keepAliveMs: 100,
  silenceMs: 3_000,
  resumeMs: 3_000,
  reportMs: 50,
};

/** Threads of devices, shared by the tests of a file: a thread takes long to come up. */
export class Lanes implements AsyncDisposable {
  readonly lanes: readonly Lane[];

  static async start(count: number): Promise<Lanes> {
    const module = new URL('./transfer-lane.ts', import.meta.url);
    const lanes = Array.from({ length: count }, (_, i) =>
      Lane.start({ name: `device ${i}`, module, start: {} }),
    );
    return new Lanes(await Promise.all(lanes));
  }

  private constructor(lanes: readonly Lane[]) {
    this.lanes = lanes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.lanes.map((lane) => lane[Symbol.asyncDispose]()));
  }
}

export interface MachineOptions {
  readonly lanes?: Lanes;
  /** Bytes of state of each device. */
  readonly states?: readonly number[];
  /** What happens to device 0 when it is saved or loaded. */
  readonly mishap?: Mishap;
  readonly uuid?: Uint8Array;
  readonly blocks?: Readonly<Record<string, number>>;
  /** What the guest does while pass number `pass` is made: called when it has ended. */
  readonly guest?: ((machine: TestMachine, pass: number) => void) | undefined;
}

const BLOCKS = { ram: 4 * 1024 * 1024, 'a/small one': 9 * PAGE };

/** A machine that can be sent, or received into. */
export class TestMachine implements Disposable {
  readonly blocks: readonly RamBlock[];
  readonly layout: RamLayout;
  readonly marks: PageBitmap;
  /** What was asked of it, in order. */
  readonly history: string[] = [];
  readonly options: MachineOptions;
  readonly #mappings: readonly Mapping[];

  constructor(options: MachineOptions = {}) {
    this.options = options;
    const lengths = Object.entries(options.blocks ?? BLOCKS);
    this.#mappings = lengths.map(([name, length]) => mapAnonymous(length, `block ${name}`));
    this.blocks = lengths.map(([name, length], i) => ({ name, length, address: this.#mappings[i]!.address }));
    this.layout = placeBlocks(this.blocks);
    this.marks = new PageBitmap(this.layout.pages);
  }

  bytes(block: number): Buffer {
    return Buffer.from(this.#mappings[block]!.buffer, 0, this.blocks[block]!.length);
  }

  /** Two pages in three have contents, the others are zero. */
  fill(): this {
    for (const block of this.blocks.keys())
      for (let page = 0; page * PAGE < this.blocks[block]!.length; page++)
        if (page % 3 !== 2)
          this.bytes(block).fill(`page ${page} of ${block}. `, page * PAGE, (page + 1) * PAGE);
    return this;
  }

  /** The guest writes to a page, and says so. */
  write(block: number, page: number, text: string): void {
    this.bytes(block).fill(text, page * PAGE + 100, page * PAGE + 300);
    this.marks.add(this.layout.blocks[block]!.firstPage + page);
  }

  asSource(): SourceMachine {
    const marks = new ExplicitMarks(this.marks);
    let pass = 0;
    return {
      uuid: this.options.uuid ?? new Uint8Array(16).fill(7),
      blocks: this.blocks,
      dirty: {
        start: () => marks.start(),
        collect: (into) => {
          this.options.guest?.(this, ++pass);
          return marks.collect(into);
        },
        stop: () => void this.history.push('unwatch'),
      },
      devices: this.#devices.map((device, i) => ({
        ...device,
        save: (sink) => this.#work(i, { sink }),
      })),
      stop: async () => void this.history.push('stop'),
      resume: async () => void this.history.push('resume'),
      release: async () => void this.history.push('release'),
    };
  }

  asDestination(): DestinationMachine {
    return {
      uuid: this.options.uuid ?? new Uint8Array(16).fill(7),
      blocks: this.blocks,
      fresh: true,
      devices: this.#devices
        .map((device, i) => ({
          ...device,
          load: (source: StateTask['source'] & object) => this.#work(i, { source }),
        }))
        .reverse(),
      start: async () => void this.history.push('start'),
      discard: async () => void this.history.push('discard'),
    };
  }

  [Symbol.dispose](): void {
    for (const mapping of this.#mappings) mapping[Symbol.dispose]();
  }

  get #devices() {
    return (this.options.states ?? []).map((_, i) => ({ idstr: `dev-${i >> 1}`, instance: i & 1 }));
  }

  async #work(device: number, way: Pick<StateTask, 'sink' | 'source'>): Promise<void> {
    const { mishap, lanes, states } = this.options;
    const task: StateTask = { seed: device, length: states![device]!, ...way };
    await lanes!.lanes[device]!.run(device === 0 && mishap !== undefined ? { ...task, mishap } : task);
  }
}

/** Both hold the same memory. */
export function assertSameMemory(one: TestMachine, other: TestMachine): void {
  for (const block of one.blocks.keys())
    assert.equal(
      Buffer.compare(one.bytes(block), other.bytes(block)),
      0,
      `block ${one.blocks[block]!.name} differs`,
    );
}

/** A folder that is removed in the end. */
export function temporaryFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'ferry-transfer-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}
