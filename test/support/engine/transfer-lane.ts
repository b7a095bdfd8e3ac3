/** Module of the lane of a device in tests of whole transfers: its state is made from a seed, and checked byte by byte. */
import {
  SlotSink,
  type SlotSinkStart,
  SlotSource,
  type SlotSourceStart,
} from '../../../src/engine/slots/index.ts';

/** What the device does when half of its state is through. Plain data. */
export interface Mishap {
  readonly kind: 'throws' | 'stuck';
  /** A device that is stuck goes on when this word is not 0 any more. */
  readonly release: SharedArrayBuffer;
}

/** One save or load. Plain data. */
export interface StateTask {
  readonly seed: number;
  /** Bytes of state. */
  readonly length: number;
  readonly sink?: SlotSinkStart;
  readonly source?: SlotSourceStart;
  readonly mishap?: Mishap;
}

const PIECE = 64 * 1024;

/** Does one `StateTask` after the other. */
export function createLane(): (task: unknown) => void {
  return (task) => {
    const { sink, source } = task as StateTask;
    if (sink !== undefined) save(task as StateTask, new SlotSink(sink));
    if (source !== undefined) load(task as StateTask, new SlotSource(source));
  };
}

function save(task: StateTask, sink: SlotSink): void {
  for (let at = 0; at < task.length; at += PIECE) {
    if (at >= task.length / 2) suffer(task, at);
    sink.write(piece(task.seed, at, Math.min(PIECE, task.length - at)));
  }
  sink.end();
}

function load(task: StateTask, source: SlotSource): void {
  const into = Buffer.alloc(PIECE);
  let at = 0;
  for (;;) {
    if (at >= task.length / 2) suffer(task, at);
    const count = source.read(into.subarray(0, PIECE - (at % PIECE)));
    if (count === 0) break;
    const from = at - (at % PIECE);
    if (into.compare(piece(task.seed, from, PIECE), at - from, at - from + count, 0, count) !== 0)
      throw new Error(`The state differs between bytes ${at} and ${at + count}`);
    at += count;
  }
  if (at !== task.length) throw new Error(`The state has ${at} bytes, expected ${task.length}`);
}

function suffer({ mishap, length }: StateTask, at: number): void {
  if (mishap === undefined || at >= length / 2 + PIECE) return;
  if (mishap.kind === 'throws') throw new Error('The device has broken down');
  Atomics.wait(new Int32Array(mishap.release), 0, 0);
}

/** `length` bytes of state from byte `at` on, which lies at a multiple of `PIECE`. */
function piece(seed: number, at: number, length: number): Buffer {
  const bytes = Buffer.alloc(PIECE);
  let word = Math.imul(seed + 1, 0x9e3779b1) ^ at;
  for (let i = 0; i < PIECE; i += 4) {
    word = (Math.imul(word, 1_664_525) + 1_013_904_223) | 0;
    bytes.writeInt32LE(word, i);
  }
  return bytes.subarray(0, length);
}
