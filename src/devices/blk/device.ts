import type { Assignment, Model, Value } from '../../compat/index.ts';
import {
  type Device,
  type DeviceContext,
  DONE,
  type Handled,
  LATER,
  type RecordReader,
  type RecordWriter,
  type Request,
  type Staged,
} from '../../device/index.ts';
import { errnoName, syncFile } from '../../sys/index.ts';
import type { Backing, Clearing } from './backing/backing.ts';
import { BlkConfig } from './config.ts';
import {
  BlkFeature,
  HEADER_SIZE,
  RequestType,
  SECTOR_SIZE,
  SERIAL_SIZE,
  Status,
  VIRTIO_BLK,
} from './constants.ts';
import { BlkError } from './errors.ts';
import { Operation } from './lanes/job-table.ts';
import { Lanes } from './lanes/lanes.ts';
import { type Range, Work } from './lanes/work.ts';
import { SETTLE } from './limits.ts';
import type { BlkOptions } from './options.ts';
import { blkTakes } from './parameters.ts';
import { readRanges } from './ranges.ts';
import { loadDisk } from './state/load.ts';
import { saveDisk } from './state/save.ts';
import { SECTIONS } from './state/sections.ts';

const CLEARING = {
  discard: Operation.discard,
  zero: Operation.zero,
  'zero-unmap': Operation.zeroUnmap,
} as const;

/** All of the disk: what FLUSH is about. */
const WHOLE: readonly Range[] = [{ offset: 0, length: 0 }];

/** How a disk is served, beside what its backing says. */
export type BlkSettings = Pick<BlkOptions, 'queues' | 'queueSize' | 'serial' | 'discard' | 'cache' | 'lanes'>;

/**
 * A disk, served over virtio-blk (virtio 1.2, section 5.2). What can be had without waiting is done at once on the device's
 * thread, straight between guest memory and the backing; everything else, and every failure, is the lanes'.
 */
export class BlkDevice implements Device {
  readonly identity = { name: 'blk', virtioId: VIRTIO_BLK, stateVersion: 1 };
  readonly features: bigint;
  readonly queues: Device['queues'];
  readonly config: BlkConfig;
  readonly settleMilliseconds = SETTLE;
  readonly offersInflight = true;
  readonly sections = SECTIONS;
  readonly #settings: BlkSettings;
  readonly #serial: Uint8Array;
  readonly #lanes: Lanes | undefined;
  readonly #header = new Uint32Array(HEADER_SIZE / 4);
  readonly #headerBytes = new Uint8Array(this.#header.buffer);
  #backing: Backing;
  #context: DeviceContext | undefined;
  /** The driver negotiated neither FLUSH nor a write cache: each write is on the storage when it is answered. */
  #noFlush = false;
  /** Something was written since the last flush of our own. */
  #unsynced = false;
  /** A flush of our own failed: the guest has not been told yet. */
  #lostFlush = false;

  /** Serves `backing`, which it owns from now on. */
  constructor(backing: Backing, settings: BlkSettings) {
    const { queues, queueSize, discard, serial, lanes } = settings;
    this.#backing = backing;
    this.#settings = settings;
    this.#serial = new Uint8Array(SERIAL_SIZE);
    this.#serial.set(new TextEncoder().encode(serial));
    const { SEG_MAX, BLK_SIZE, TOPOLOGY, FLUSH, CONFIG_WCE, MQ, DISCARD, WRITE_ZEROES, RO } = BlkFeature;
    const clears = discard && !backing.readOnly;
    this.features =
      SEG_MAX |
      BLK_SIZE |
      TOPOLOGY |
      FLUSH |
      CONFIG_WCE |
      (queues > 1 ? MQ : 0n) |
      (clears ? DISCARD | WRITE_ZEROES : 0n) |
      (backing.readOnly ? RO : 0n);
    this.queues = { count: queues, maxSize: queueSize };
    const { size, blockSize, physicalBlockSize } = backing;
    this.config = new BlkConfig({ size, blockSize, physicalBlockSize, queues, queueSize, discard: clears });
    this.config.writeback = settings.cache === 'writeback';
    if (backing.image !== undefined)
      this.#lanes = new Lanes(backing.image, lanes, (message) => this.#context?.log(message));
  }

  /** Where the sectors are; another one once state was loaded into a disk in memory. */
  get backing(): Backing {
    return this.#backing;
  }

  /** Serial number, as options gave it. */
  get serial(): string {
    return this.#settings.serial;
  }

  /** What this disk takes; an image may have another size by now. */
  get migrationInfo(): Model {
    return blkTakes(this.parameters(), this.#backing.measured);
  }

  parameters(): Assignment {
    const { size, blockSize, readOnly, kind } = this.#backing;
    return new Map<string, Value>([
      ['backing', kind === 'memory' ? 'memory' : 'image'],
      ['size', BigInt(size)],
      ['block-size', BigInt(blockSize)],
      ['read-only', readOnly],
      ['discard', this.#settings.discard],
      ['queues', BigInt(this.#settings.queues)],
      ['queue-size', BigInt(this.#settings.queueSize)],
    ]);
  }

  attach(context: DeviceContext): void {
    this.#context = context;
    this.#lanes?.attach(context);
  }

  negotiated(features: bigint): void {
    this.#noFlush = (features & (BlkFeature.FLUSH | BlkFeature.CONFIG_WCE)) === 0n;
  }

  handle(request: Request): Handled {
    const { readable, writable } = request;
    // There is nowhere to say how it went, so nothing happens
    if (writable.length === 0) return DONE;
    if (readable.read(this.#headerBytes, 0, HEADER_SIZE) < HEADER_SIZE)
      return answer(request, Status.ioError);
    const header = this.#header;
    const sector = header[3]! * 2 ** 32 + header[2]!;
    switch (header[0]) {
      case RequestType.in:
        return this.#read(request, sector, writable.length - 1);
      case RequestType.out:
        return this.#write(request, sector, readable.remaining);
      case RequestType.flush:
        return this.#flush(request);
      case RequestType.getId:
        writable.write(this.#serial, 0, Math.min(SERIAL_SIZE, writable.length - 1));
        return answer(request, Status.ok);
      case RequestType.discard:
        return this.#clear(request, false);
      case RequestType.writeZeroes:
        return this.#clear(request, true);
      default:
        return answer(request, Status.unsupported);
    }
  }

  halt(queue: number): void {
    this.#lanes?.halt(queue);
  }

  /** What the guest has been told is written is on the storage, wherever it goes on. */
  suspend(): void {
    for (let queue = 0; queue < this.queues.count; queue++) this.halt(queue);
    const { image } = this.#backing;
    if (image === undefined || !this.#unsynced) return;
    this.#unsynced = false;
    const result = syncFile(image.file.number, true);
    if (result >= 0) return;
    this.#lostFlush = true;
    this.#context?.log(`${this.#backing.name} could not be flushed: ${errnoName(-result)}`);
  }

  /** Whether there is a write cache is what the driver that has gone wanted. */
  reset(): void {
    this.config.writeback = this.#settings.cache === 'writeback';
  }

  save(records: RecordWriter): void {
    if (this.#lostFlush)
      throw new BlkError(
        'ERR_BLK_STATE',
        `${this.#backing.name} could not be flushed: what the guest wrote last may be missing elsewhere`,
      );
    saveDisk(this.#backing, { serial: this.#serial, writeback: this.config.writeback }, records);
  }

  load(records: RecordReader): Staged {
    this.#backing.measure?.();
    const loaded = loadDisk(this.#backing, this.#serial, records);
    let incoming = loaded.backing;
    return {
      commit: () => {
        this.config.writeback = loaded.writeback;
        this.config.size = this.#backing.size;
        this.#backing.forgetCached?.();
        if (incoming === undefined) return;
        this.#backing[Symbol.dispose]();
        this.#backing = incoming;
        incoming = undefined;
      },
      [Symbol.dispose]: () => {
        incoming?.[Symbol.dispose]();
        incoming = undefined;
      },
    };
  }

  /** Look how large the image is by now, and tell the driver if that has changed. Returns bytes. */
  resize(): number {
    const before = this.#backing.size;
    this.#backing.measure?.();
    const { size } = this.#backing;
    if (size !== before) {
      this.config.size = size;
      this.#context?.configChanged();
    }
    return size;
  }

  [Symbol.dispose](): void {
    this.#lanes?.[Symbol.dispose]();
    this.#backing[Symbol.dispose]();
  }

  #read(request: Request, sector: number, length: number): Handled {
    if (!this.#fits(sector, length)) return answer(request, Status.ioError);
    const offset = sector * SECTOR_SIZE;
    const done = this.#backing.read(request.writable, offset, length);
    if (done === length) return answer(request, Status.ok);
    return this.#later(request, Operation.read, [{ offset, length }], done);
  }

  #write(request: Request, sector: number, length: number): Handled {
    if (this.#backing.readOnly || !this.#fits(sector, length)) return answer(request, Status.ioError);
    const offset = sector * SECTOR_SIZE;
    this.#unsynced = true;
    const done = this.#backing.write(request.readable, offset, length, this.#isStable);
    if (done === length) return answer(request, Status.ok);
    return this.#later(request, Operation.write, [{ offset, length }], done);
  }

  #flush(request: Request): Handled {
    if (this.#lostFlush) {
      this.#lostFlush = false;
      return answer(request, Status.ioError);
    }
    if (this.#lanes === undefined) return answer(request, Status.ok);
    return this.#later(request, Operation.flush, WHOLE);
  }

  #clear(request: Request, zeroes: boolean): Handled {
    if (!this.#settings.discard) return answer(request, Status.unsupported);
    if (this.#backing.readOnly) return answer(request, Status.ioError);
    const found = readRanges(request.readable, zeroes, (sector, length) => this.#fits(sector, length));
    if (typeof found === 'number') return answer(request, found);
    const { ranges, unmap } = found;
    const how: Clearing = !zeroes ? 'discard' : unmap ? 'zero-unmap' : 'zero';
    this.#unsynced = true;
    const left = ranges.filter(({ offset, length }) => !this.#backing.clear(offset, length, how));
    if (left.length === 0) return answer(request, Status.ok);
    return this.#later(request, CLEARING[how], left);
  }

  #later(request: Request, operation: number, ranges: readonly Range[], done = 0): Handled {
    const work = new Work(request.defer(), { operation, ranges, done, stable: this.#isStable });
    this.#lanes!.submit(work);
    return LATER;
  }

  /** Whether a write has to be on the storage when it is answered. */
  get #isStable(): boolean {
    return this.#noFlush || !this.config.writeback;
  }

  /** Whether `length` bytes at `sector` are blocks of this disk. */
  #fits(sector: number, length: number): boolean {
    const { size, blockSize } = this.#backing;
    const offset = sector * SECTOR_SIZE;
    return length % blockSize === 0 && offset % blockSize === 0 && offset + length <= size;
  }
}

/** The status, and nothing else where the request has failed. */
function answer({ writable }: Request, status: number): Handled {
  if (status !== Status.ok) writable.rewind();
  writable.putLast(status);
  return DONE;
}
