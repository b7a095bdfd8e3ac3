/** Module of the lane of a device that loads its state, checks every byte of it, and is as slow, stuck or mortal as asked. */
import { SlotSource, type SlotSourceStart } from '../../../src/engine/slots/index.ts';
import { checkPiece } from './device-contents.ts';

/** How a device behaves. Plain data. */
export interface Temper {
  /** Milliseconds that it takes for a buffer. */
  readonly slowMs?: number;
  /** The buffer in which it stays for ever, or until `release` is notified. */
  readonly stuckAt?: number;
  /** The buffer at which it fails. */
  readonly diesAt?: number;
}

/** A device, as its lane is told of it. Plain data. */
export interface LoadedDevice {
  readonly source: SlotSourceStart;
  readonly device: number;
  /** Buffers that it has. */
  readonly total: number;
  readonly temper: Temper;
}

export interface LoadTask {
  /** They take turns. */
  readonly devices: readonly LoadedDevice[];
  /** A word that is not 0 any more when stuck devices are let go. */
  readonly release: SharedArrayBuffer;
}

/** Does one `LoadTask` after the other. */
export function createLane(): (task: unknown) => number[] {
  return (task) => load(task as LoadTask);
}

/** Load all devices. Returns how many bytes each has loaded. */
function load({ devices, release }: LoadTask): number[] {
  const word = new Int32Array(release);
  const loaders = devices.map((device) => loader(device, word));
  let rest = [...loaders];
  while (rest.length > 0) rest = rest.filter((one) => one.step());
  return loaders.map((one) => one.bytes());
}

/** `step` loads the device's next buffer: whether there was one. */
function loader({ source: start, device, total, temper }: LoadedDevice, release: Int32Array) {
  const source = new SlotSource(start);
  let index = 0;
  const take = (bytes: Uint8Array, offset: number, length: number): number => {
    behave(temper, index, release);
    checkPiece(bytes, offset, length, { device, index, total });
    index++;
    return length;
  };
  return {
    step(): boolean {
      if (source.drain(take) > 0) return true;
      if (index !== total) throw new Error(`Device ${device} was given ${index} buffers of ${total}`);
      return false;
    },
    bytes: () => source.bytes,
  };
}

/** What the device does in one of its calls, before it has done anything. */
export function behave({ slowMs = 0, stuckAt, diesAt }: Temper, index: number, release: Int32Array): void {
  // The time that a device takes, not one that anybody waits for
  if (slowMs > 0) Atomics.wait(release, 0, 0, slowMs);
  if (index === stuckAt) Atomics.wait(release, 0, 0);
  if (index === diesAt) throw new Error(`The device has died at buffer ${index}`);
}
