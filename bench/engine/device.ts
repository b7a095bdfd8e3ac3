/** A device for the benchmark, on a lane: its state is memory that was filled beforehand, in records of the longest kind. */
import {
  SlotSink,
  type SlotSinkStart,
  SlotSource,
  type SlotSourceStart,
} from '../../src/engine/slots/index.ts';
import {
  type ByteSink,
  type ByteSource,
  MAX_PAYLOAD,
  type Section,
  StateReader,
  StateWriter,
} from '../../src/state/index.ts';
import { mapAnonymous } from '../../src/sys/index.ts';

const CONTENTS: Section = { name: 'contents', version: 1, required: true };

const IDENTITY = { device: 'bench', virtioId: 63, stateVersion: 1, features: 0n };

/** State of a number of bytes, in memory that is there already. */
export class State implements Disposable {
  readonly #memory;
  readonly #length: number;

  constructor(length: number) {
    this.#length = length;
    this.#memory = mapAnonymous(length, 'state of the benchmark');
    const words = new Uint32Array(this.#memory.buffer, 0, length / 4);
    for (let i = 0; i < words.length; i++) words[i] = Math.imul(i, 2654435761);
  }

  save(sink: ByteSink): void {
    const writer = new StateWriter(sink, IDENTITY);
    for (let at = 0; at < this.#length; at += MAX_PAYLOAD)
      writer.write(CONTENTS, this.#memory.bytes.subarray(at, Math.min(this.#length, at + MAX_PAYLOAD)));
    writer.close();
  }

  load(source: ByteSource): void {
    const reader = new StateReader(source, { ...IDENTITY, sections: [CONTENTS] });
    let at = 0;
    for (let record = reader.next(); record !== undefined; record = reader.next()) {
      this.#memory.bytes.set(record.payload, at);
      at += record.payload.length;
    }
    if (at !== this.#length) throw new Error(`${at} bytes of state came, expected ${this.#length}`);
  }

  [Symbol.dispose](): void {
    this.#memory[Symbol.dispose]();
  }
}

/** What the lane can be asked for. */
export type Task = { readonly save: SlotSinkStart } | { readonly load: SlotSourceStart };

/** What a lane calls on its thread; `length` is that of the state, in bytes. */
export function createLane(length: unknown) {
  const state = new State(Number(length));
  const perform = (task: Task) => {
    if ('load' in task) return state.load(new SlotSource(task.load));
    const sink = new SlotSink(task.save);
    state.save(sink);
    sink.end();
  };
  return Object.assign(perform, { [Symbol.dispose]: () => state[Symbol.dispose]() });
}
