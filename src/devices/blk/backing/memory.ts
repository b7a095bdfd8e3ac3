import type { ChainReader, ChainWriter } from '../../../device/index.ts';
import { createMemfd, type Fd, type Mapping, mapShared, PAGE_SIZE, punchHole } from '../../../sys/index.ts';
import type { Backing } from './backing.ts';

/** The engine is many times slower at indexes that no 32-bit integer holds. */
const WINDOW_SIZE = 2 ** 30;

export interface MemoryPlan {
  /** Bytes: a multiple of the page size. */
  readonly size: number;
  readonly blockSize: number;
  readonly physicalBlockSize: number;
  readonly readOnly: boolean;
}

/** A disk in this process's memory, of which pages that were never written take none. */
export class MemoryBacking implements Backing {
  readonly name: string;
  readonly kind = 'memory';
  readonly size: number;
  readonly blockSize: number;
  readonly physicalBlockSize: number;
  readonly readOnly: boolean;
  readonly image = undefined;
  readonly #memory: Fd;
  readonly #mapping: Mapping;
  readonly #windows: readonly Uint8Array<ArrayBuffer>[];

  constructor({ size, blockSize, physicalBlockSize, readOnly }: MemoryPlan) {
    this.name = `disk of ${size} bytes in memory`;
    this.size = size;
    this.blockSize = blockSize;
    this.physicalBlockSize = physicalBlockSize;
    this.readOnly = readOnly;
    this.#memory = createMemfd('blk', size);
    try {
      this.#mapping = mapShared(this.#memory, 0, size, { name: this.name });
    } catch (error) {
      this.#memory[Symbol.dispose]();
      throw error;
    }
    const { bytes } = this.#mapping;
    this.#windows = Array.from({ length: Math.ceil(size / WINDOW_SIZE) }, (_, i) =>
      bytes.subarray(i * WINDOW_SIZE, Math.min(size, (i + 1) * WINDOW_SIZE)),
    );
  }

  get measured(): number {
    return this.size;
  }

  /** An empty disk of the same shape. */
  another(): MemoryBacking {
    return new MemoryBacking(this);
  }

  /** All contents. */
  get windows(): readonly Uint8Array<ArrayBuffer>[] {
    return this.#windows;
  }

  /** The file under it, for whoever looks which pages were ever written. */
  get memory(): Fd {
    return this.#memory;
  }

  read(into: ChainWriter, offset: number, length: number): number {
    for (let done = 0; done < length; ) {
      const at = (offset + done) % WINDOW_SIZE;
      const piece = Math.min(length - done, WINDOW_SIZE - at);
      into.write(this.#windows[Math.floor((offset + done) / WINDOW_SIZE)]!, at, piece);
      done += piece;
    }
    return length;
  }

  write(from: ChainReader, offset: number, length: number): number {
    for (let done = 0; done < length; ) {
      const at = (offset + done) % WINDOW_SIZE;
      const piece = Math.min(length - done, WINDOW_SIZE - at);
      from.read(this.#windows[Math.floor((offset + done) / WINDOW_SIZE)]!, at, piece);
      done += piece;
    }
    return length;
  }

  /** A discarded range reads as zeroes, too. */
  clear(offset: number, length: number): boolean {
    const end = offset + length;
    const firstPage = Math.ceil(offset / PAGE_SIZE) * PAGE_SIZE;
    const lastPage = Math.floor(end / PAGE_SIZE) * PAGE_SIZE;
    const { bytes } = this.#mapping;
    if (lastPage <= firstPage) {
      bytes.fill(0, offset, end);
      return true;
    }
    bytes.fill(0, offset, firstPage);
    bytes.fill(0, lastPage, end);
    punchHole(this.#memory, firstPage, lastPage - firstPage);
    return true;
  }

  [Symbol.dispose](): void {
    this.#mapping[Symbol.dispose]();
    this.#memory[Symbol.dispose]();
  }
}
