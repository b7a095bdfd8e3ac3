import type { Device, Staged } from '../../device/index.ts';
import { FerryError } from '../../errors.ts';
import { type ByteSink, type ByteSource, StateReader, StateWriter } from '../../state/index.ts';
import type { Control } from './control.ts';
import { digestPieces, PIECE_BYTES } from './digests.ts';
import { BLOCK_BYTES, type DiskDriver, type DiskFindings } from './disk-driver.ts';
import { Pace } from './pace.ts';
import { scatter } from './page.ts';

/** Longest sleep while nothing is due, in milliseconds. */
const NAP = 5;

/** What a transfer of a disk's state took. */
export interface StateMoved {
  readonly bytes: number;
  readonly records: number;
  /** Milliseconds; for one that came, from its first bytes on. */
  readonly ms: number;
}

/** A disk of a machine, its driver, and what the guest does with it. Everything happens on the disk's own thread. */
export class HostedDisk implements Disposable {
  readonly #device: Device;
  readonly #driver: DiskDriver;
  readonly #control: Control;
  readonly #blocksPerSecond: number;
  #staged: Staged | undefined;
  #random: number;

  /** Takes over `device`, of which the guest writes and reads `rate` bytes per second while `control` lets it. */
  constructor(device: Device, driver: DiskDriver, rate: number, control: Control, seed: number) {
    this.#device = device;
    this.#driver = driver;
    this.#control = control;
    this.#blocksPerSecond = rate / BLOCK_BYTES;
    this.#random = seed;
    device.attach?.({
      log: () => undefined,
      watch: () => {
        throw new FerryError(
          'ERR_MACHINE_DEVICE',
          `The ${device.identity.name} device waits for descriptors; this machine drives devices that answer at once`,
        );
      },
      configChanged: () => undefined,
      now: () => performance.now(),
    });
    device.negotiated?.(device.features);
  }

  /** Write every block once. */
  fill(): void {
    for (let block = 0; block < this.#driver.blocks; block++) this.#driver.write(block);
  }

  /** The rings start: with the state there was, or with the one that was loaded. */
  resume(): void {
    this.#staged?.commit();
    this.#staged = undefined;
    this.#device.resume?.();
  }

  /**
   * Write blocks and read others back, until the control says pause; then the device is suspended. Throws `ERR_BLK_CONTENTS`
   * for a block that is not as it was written.
   */
  work(): void {
    const pace = new Pace(this.#blocksPerSecond);
    while (!this.#control.isPaused) {
      if (pace.take(1) === 0) this.#control.sleep(NAP);
      else this.#step();
    }
    this.#device.suspend?.();
  }

  /** Write the state of the suspended device. */
  save(sink: ByteSink): StateMoved {
    const began = performance.now();
    const { name, virtioId, stateVersion } = this.#device.identity;
    const identity = { device: name, virtioId, stateVersion, features: this.#device.features };
    const writer = new StateWriter(sink, identity);
    this.#device.save(writer);
    writer.close();
    return { bytes: writer.bytes, records: writer.records, ms: performance.now() - began };
  }

  /** Read a state and have it ready beside the live one; `resume` makes it live. */
  load(source: ByteSource): StateMoved {
    const { identity, features, sections } = this.#device;
    const { name, virtioId, stateVersion } = identity;
    let began: number | undefined;
    const read = (into: Uint8Array) => {
      const count = source.read(into);
      began ??= performance.now();
      return count;
    };
    const reader = new StateReader({ read }, { device: name, virtioId, stateVersion, features, sections });
    const staged = this.#device.load(reader);
    try {
      if (reader.next() !== undefined)
        throw new FerryError('ERR_MACHINE_DEVICE', `The ${name} device left records of its state unread`);
    } catch (error) {
      staged[Symbol.dispose]();
      throw error;
    }
    this.discard();
    this.#staged = staged;
    const now = performance.now();
    return { bytes: reader.consumed, records: reader.records, ms: now - (began ?? now) };
  }

  /** Give up what was loaded. */
  discard(): void {
    this.#staged?.[Symbol.dispose]();
    this.#staged = undefined;
  }

  /** Read all of the disk and compare it with what the guest knows. */
  look(): DiskFindings {
    return this.#driver.look();
  }

  /** Digests of the contents. */
  digests(): Uint8Array<ArrayBuffer> {
    const piece = new Uint8Array(PIECE_BYTES);
    return digestPieces(this.#driver.blocks * BLOCK_BYTES, (offset, length) => {
      for (let done = 0; done < length; done += BLOCK_BYTES)
        piece.set(this.#driver.read((offset + done) / BLOCK_BYTES), done);
      return piece.subarray(0, length);
    });
  }

  [Symbol.dispose](): void {
    this.discard();
    this.#device[Symbol.dispose]?.();
  }

  #step(): void {
    this.#random = scatter(this.#random + 0x9e3779b9);
    const block = this.#random % this.#driver.blocks;
    if (this.#random >>> 31 === 0) this.#driver.write(block);
    else if (!this.#driver.isRight(block))
      throw new FerryError('ERR_BLK_CONTENTS', `Block ${block} is not what was written there`);
    this.#control.addSteps(1);
  }
}
