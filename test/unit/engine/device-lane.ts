/** Module of a lane that saves or loads the states of devices, one device after the other, by their real sinks and sources. */
import {
  SlotSink,
  type SlotSinkStart,
  SlotSource,
  type SlotSourceStart,
} from '../../../src/engine/slots/index.ts';
import { Chance } from './slots-random.ts';

export interface DeviceTask {
  /** Exactly one of both. */
  readonly sinks?: readonly SlotSinkStart[];
  readonly sources?: readonly SlotSourceStart[];
  /** Bytes of each state. */
  readonly bytes: readonly number[];
  /** Devices take up to so many milliseconds for a piece, at random, some of the time. */
  readonly slowMs: number;
  readonly seed: number;
}

const PIECE = 1_000_003;

export function createLane(): (task: unknown) => void {
  return (task) => run(task as DeviceTask);
}

function run({ sinks = [], sources = [], bytes, slowMs, seed }: DeviceTask): void {
  const pace = paceOf(slowMs, new Chance(seed));
  for (const [i, start] of sinks.entries()) save(start, bytes[i]!, pace);
  for (const [i, start] of sources.entries()) load(start, bytes[i]!, pace);
}

/** A piece that begins with which device it is of and where in the state it lies. */
function fill(piece: Buffer, device: number, at: number): void {
  piece.writeUInt32LE(device, 0);
  piece.writeUInt32LE(at, 4);
}

function save(start: SlotSinkStart, bytes: number, pace: () => void): void {
  const sink = new SlotSink(start);
  const piece = pieceOf();
  for (let at = 0; at < bytes; at += PIECE) {
    fill(piece, start.device, at);
    sink.write(piece.subarray(0, Math.min(PIECE, bytes - at)));
    pace();
  }
  sink.end();
}

function load(start: SlotSourceStart, bytes: number, pace: () => void): void {
  const source = new SlotSource(start);
  const expected = pieceOf();
  const found = Buffer.alloc(PIECE);
  for (let at = 0; at < bytes; at += PIECE) {
    const length = Math.min(PIECE, bytes - at);
    for (let got = 0; got < length; ) {
      const count = source.read(found.subarray(got, length));
      if (count === 0) throw new Error(`The state of device ${start.device} ends after ${at + got} bytes`);
      got += count;
    }
    fill(expected, start.device, at);
    if (found.compare(expected, 0, length, 0, length) !== 0)
      throw new Error(`Bytes ${at} to ${at + length} of device ${start.device} are not what was saved`);
    pace();
  }
  if (source.read(found) !== 0) throw new Error(`The state of device ${start.device} does not end`);
}

function pieceOf(): Buffer {
  const piece = Buffer.alloc(PIECE);
  for (let i = 8; i < PIECE; i++) piece[i] = (i * 7 + (i >> 9)) & 0xff;
  return piece;
}

/** What makes a device slow now and then. */
function paceOf(slowMs: number, chance: Chance): () => void {
  const word = new Int32Array(new SharedArrayBuffer(4));
  return () => {
    if (slowMs > 0 && chance.below(4) === 0) Atomics.wait(word, 0, 0, chance.below(slowMs + 1));
  };
}
