import type { ChainReader, ChainWriter } from '../../../device/index.ts';
import {
  dropCached,
  fileScratch,
  MAX_VECTORS,
  readVectors,
  readVectorsNow,
  writeVectors,
} from '../../../sys/index.ts';
import { RELIEF, SLOW_WRITE } from '../limits.ts';
import type { Backing, Image } from './backing.ts';
import { measureImage } from './measure.ts';

/**
 * How the device's own thread reads: only what is in the page cache (`cached`); with a call that might wait, where the file
 * system keeps everything in memory (`memory`); or not at all (`never`).
 */
export type InlineReads = 'cached' | 'memory' | 'never';

export interface FilePlan {
  readonly path: string;
  readonly image: Image;
  readonly blockSize: number;
  readonly physicalBlockSize: number;
  readonly readOnly: boolean;
  readonly reads: InlineReads;
  /** Whether the device's own thread may write to the page cache. */
  readonly writes: boolean;
}

/**
 * Bytes of one write to the page cache. Linux keeps what was written at once in one folio, and in a large one every later
 * write of a block looks at all of its blocks: 4 KiB into a folio of 1 MiB take ext4 five times as long.
 */
const WRITE_AT_ONCE = 131072;

/** A disk in a file or on a block device. */
export class FileBacking implements Backing {
  readonly name: string;
  readonly kind: Backing['kind'];
  readonly blockSize: number;
  readonly physicalBlockSize: number;
  readonly readOnly: boolean;
  readonly image: Image;
  readonly #fd: number;
  readonly #readNow: ((fd: number, count: number, offset: number) => number) | undefined;
  readonly #writes: boolean;
  #size: number;
  #writesAgain = 0;

  /** Takes over the file of `plan.image`. */
  constructor(plan: FilePlan) {
    this.image = plan.image;
    this.kind = plan.image.isBlockDevice ? 'block device' : 'file';
    this.name = `${this.kind} ${plan.path}`;
    this.blockSize = plan.blockSize;
    this.physicalBlockSize = plan.physicalBlockSize;
    this.readOnly = plan.readOnly;
    this.#fd = plan.image.file.number;
    this.#readNow = { cached: readVectorsNow, memory: readVectors, never: undefined }[plan.reads];
    this.#writes = plan.writes;
    this.#size = this.measured;
  }

  get size(): number {
    return this.#size;
  }

  get measured(): number {
    const size = measureImage(this.image.file, this.image.isBlockDevice);
    return size - (size % this.blockSize);
  }

  read(into: ChainWriter, offset: number, length: number): number {
    const readNow = this.#readNow;
    if (readNow === undefined) return 0;
    for (let done = 0; ; ) {
      const count = into.fillVectors(fileScratch.vectors.words, MAX_VECTORS, length - done);
      if (count <= 0) return done;
      const read = readNow(this.#fd, count, offset + done);
      if (read <= 0) return done;
      into.advance(read);
      done += read;
    }
  }

  /** As much as the page cache takes; where it makes writers wait, the lanes have the waiting for a while. */
  write(from: ChainReader, offset: number, length: number, stable: boolean): number {
    if (stable || !this.#writes) return 0;
    const begun = performance.now();
    if (begun < this.#writesAgain) return 0;
    let done = 0;
    while (done < length) {
      const piece = Math.min(length - done, WRITE_AT_ONCE);
      const count = from.fillVectors(fileScratch.vectors.words, MAX_VECTORS, piece);
      if (count <= 0) break;
      const written = writeVectors(this.#fd, count, offset + done);
      if (written <= 0) break;
      from.skip(written);
      done += written;
    }
    const ended = performance.now();
    if (ended - begun > SLOW_WRITE) this.#writesAgain = ended + RELIEF;
    return done;
  }

  /** Always for the lanes. */
  clear(): boolean {
    return false;
  }

  measure(): void {
    this.#size = this.measured;
  }

  forgetCached(): void {
    dropCached(this.#fd);
  }

  [Symbol.dispose](): void {
    this.image.file[Symbol.dispose]();
  }
}
