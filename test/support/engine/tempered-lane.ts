/**
 * Module of the lane of devices that save or load their state, which says itself what it is, and are as slow, stuck or mortal
 * as asked.
 */
import {
  SlotSink,
  type SlotSinkStart,
  SlotSource,
  type SlotSourceStart,
} from '../../../src/engine/slots/index.ts';
import { checkPiece, pieceParts } from './device-contents.ts';

/** How a device behaves. Plain data. */
export interface Temper {
  /** Milliseconds that it takes for a buffer. */
  readonly slowMs?: number;
  /** The buffer in which it stays for ever, or until it is let go. */
  readonly stuckAt?: number;
  /** The buffer at which it fails. */
  readonly diesAt?: number;
}

/** A device, as its lane is told of it. Plain data. */
export interface TemperedDevice {
  readonly device: number;
  /** Buffers that it has. */
  readonly total: number;
  readonly temper: Temper;
  /** One of both: where its state goes, or comes from. */
  readonly sink?: SlotSinkStart;
  readonly source?: SlotSourceStart;
}

export interface TemperedTask {
  /** They take turns. */
  readonly devices: readonly TemperedDevice[];
  /** A word that is not 0 any more when stuck devices are let go. */
  readonly release: SharedArrayBuffer;
}

/** One device's work: `step` does its next buffer, and says whether there was one. */
interface Work {
  step(): boolean;
  bytes(): number;
}

/** Does one `TemperedTask` after the other: the answer is how many bytes each device has moved. */
export function createLane(): (task: unknown) => number[] {
  return (task) => {
    const { devices, release } = task as TemperedTask;
    const word = new Int32Array(release);
    const works = devices.map((device) =>
      device.sink === undefined ? loading(device, word) : saving(device, word),
    );
    let rest = [...works];
    while (rest.length > 0) rest = rest.filter((work) => work.step());
    return works.map((work) => work.bytes());
  };
}

function loading({ source: start, device, total, temper }: TemperedDevice, release: Int32Array): Work {
  const source = new SlotSource(start!);
  let index = 0;
  const take = (bytes: Uint8Array, offset: number, length: number): number => {
    behave(temper, index, release);
    checkPiece(bytes, offset, length, { device, index, total });
    index++;
    return length;
  };
  return {
    step() {
      if (source.drain(take) > 0) return true;
      if (index !== total) throw new Error(`Device ${device} was given ${index} buffers of ${total}`);
      return false;
    },
    bytes: () => source.bytes,
  };
}

function saving({ sink: start, device, total, temper }: TemperedDevice, release: Int32Array): Work {
  const sink = new SlotSink(start!);
  let index = 0;
  return {
    step() {
      behave(temper, index, release);
      for (const part of pieceParts(device, index, total)) sink.write(part);
      index++;
      if (index === total) sink.end();
      return index < total;
    },
    bytes: () => sink.bytes,
  };
}

/** What the device does in one of its calls, before it has done anything. */
function behave({ slowMs = 0, stuckAt, diesAt }: Temper, index: number, release: Int32Array): void {
  // The time that a device takes, not one that anybody waits for
  if (slowMs > 0) Atomics.wait(release, 0, 0, slowMs);
  if (index === stuckAt) Atomics.wait(release, 0, 0);
  if (index === diesAt) throw new Error(`The device has died at buffer ${index}`);
}

/** Stuck devices come back. */
export function letGo(release: SharedArrayBuffer): void {
  const word = new Int32Array(release);
  Atomics.store(word, 0, 1);
  Atomics.notify(word, 0);
}
