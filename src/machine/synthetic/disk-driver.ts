import { type Device, DONE, type Request } from '../../device/index.ts';
import { FerryError } from '../../errors.ts';
import { PAGE_SIZE, pageRound } from '../../sys/index.ts';
import { DescriptorChain, type MappedRange } from '../../virtio/index.ts';
import {
  BLK_CONFIG_LENGTH,
  BlkRequest,
  BlkStatus,
  blkHeader,
  decodeBlkConfig,
  SECTOR,
} from '../blk/format.ts';
import type { MarkedMemory } from './marked-memory.ts';
import { PAGE_WORDS, PageKind, readPage, writePage } from './page.ts';

/** Bytes of one request's data. */
export const BLOCK_BYTES = 2 ** 16;

const BLOCK_PAGES = BLOCK_BYTES / PAGE_SIZE;

/** Virtio device id of a disk. */
const DISK = 2;

/** In the first page of the driver's memory: the header of a request, and its status. */
const STATUS_AT = 512;

/** What the status byte is before the device has written it. */
const UNTOUCHED = 0xff;

/** Disks are numbered apart, so that none has another's pages. */
const DISK_PAGES = 2 ** 24;

/** Bytes of guest memory that the driver of a disk of `size` bytes takes: a page for requests, their data, what it knows. */
export function driverMemory(size: number): number {
  return PAGE_SIZE + BLOCK_BYTES + pageRound((size / BLOCK_BYTES) * 4);
}

/** What was found when all of a disk was read. */
export interface DiskFindings {
  readonly blocks: number;
  /** Blocks that are not what the guest wrote there last. */
  readonly wrong: number;
  /** The first of them. */
  readonly firstWrong?: number;
}

/**
 * A guest's driver of a disk without rings: it hands one request after the other to the device, all of it in guest memory. How
 * often it wrote each block it remembers in guest memory, too, so that the knowledge moves with the memory, and the contents
 * with the device.
 */
export class DiskDriver {
  /** Blocks of the disk. */
  readonly blocks: number;
  readonly #device: Device;
  readonly #memory: MarkedMemory;
  readonly #range: MappedRange;
  readonly #head: DataView;
  readonly #data: Uint32Array<ArrayBuffer>;
  /** How often each block was written. */
  readonly #versions: Uint32Array<ArrayBuffer>;
  readonly #firstPage: number;
  readonly #chain = new DescriptorChain();
  readonly #request: Request;

  /**
   * Drives disk number `index` in `memory`, of which it needs `driverMemory` of the disk's size. Throws `ERR_MACHINE_DEVICE`
   * for a device that is no disk of `size` bytes.
   */
  constructor(device: Device, index: number, size: number, memory: MarkedMemory) {
    refuseOther(device, size);
    this.blocks = size / BLOCK_BYTES;
    this.#device = device;
    this.#memory = memory;
    const bytes = memory.bytes(0, memory.pages * PAGE_SIZE);
    this.#range = { guestAddress: 0, size: bytes.length, bytes, address: memory.address };
    const { buffer, byteOffset } = bytes;
    this.#head = new DataView(buffer, byteOffset, PAGE_SIZE);
    this.#data = new Uint32Array(buffer, byteOffset + PAGE_SIZE, BLOCK_BYTES / 4);
    this.#versions = new Uint32Array(buffer, byteOffset + PAGE_SIZE + BLOCK_BYTES, this.blocks);
    this.#firstPage = (index + 1) * DISK_PAGES;
    this.#request = {
      queue: 0,
      readable: this.#chain.readable,
      writable: this.#chain.writable,
      defer: () => {
        throw new FerryError(
          'ERR_MACHINE_DEVICE',
          `The ${device.identity.name} device defers a request; this machine drives devices that answer at once`,
        );
      },
    };
  }

  /** Write the next version of block number `block`. Throws `ERR_BLK` where the device refuses. */
  write(block: number): void {
    const version = this.#versions[block]! + 1;
    for (let page = 0; page < BLOCK_PAGES; page++)
      writePage(this.#data, page * PAGE_WORDS, this.#pageOf(block) + page, version, kindOf(block));
    this.#memory.markRange(1, 1 + BLOCK_PAGES);
    this.#call(BlkRequest.OUT, block);
    this.#versions[block] = version;
    this.#memory.mark(1 + BLOCK_PAGES + Math.floor((block * 4) / PAGE_SIZE));
  }

  /** Read block number `block`. Valid until the next request. Throws `ERR_BLK` where the device refuses. */
  read(block: number): Uint8Array {
    this.#call(BlkRequest.IN, block);
    this.#memory.markRange(1, 1 + BLOCK_PAGES);
    return this.#range.bytes.subarray(PAGE_SIZE, PAGE_SIZE + BLOCK_BYTES);
  }

  /** Whether block number `block` is what was written there last. */
  isRight(block: number): boolean {
    this.read(block);
    const version = this.#versions[block]!;
    for (let page = 0; page < BLOCK_PAGES; page++) {
      const found = readPage(this.#data, page * PAGE_WORDS, this.#pageOf(block) + page, kindOf(block));
      if (version === 0 || found !== version) return false;
    }
    return true;
  }

  /** Read all of the disk and compare. */
  look(): DiskFindings {
    let wrong = 0;
    let firstWrong: number | undefined;
    for (let block = 0; block < this.blocks; block++) {
      if (this.isRight(block)) continue;
      wrong++;
      firstWrong ??= block;
    }
    return { blocks: this.blocks, wrong, ...(firstWrong !== undefined && { firstWrong }) };
  }

  #pageOf(block: number): number {
    return this.#firstPage + block * BLOCK_PAGES;
  }

  #call(type: number, block: number): void {
    const head = this.#head;
    const { offsets, size } = blkHeader;
    const sector = (block * BLOCK_BYTES) / SECTOR;
    head.setUint32(offsets.type, type, true);
    head.setUint32(offsets.sector, sector >>> 0, true);
    head.setUint32(offsets.sector + 4, Math.floor(sector / 2 ** 32), true);
    head.setUint8(STATUS_AT, UNTOUCHED);
    const { readable, writable } = this.#chain;
    this.#chain.clear(0);
    readable.segments.append(this.#range, 0, size);
    const data = type === BlkRequest.OUT ? readable : writable;
    data.segments.append(this.#range, PAGE_SIZE, BLOCK_BYTES);
    writable.segments.append(this.#range, STATUS_AT, 1);
    const handled = this.#device.handle(this.#request);
    this.#memory.mark(0);
    const status = head.getUint8(STATUS_AT);
    if (handled === DONE && status === BlkStatus.OK) return;
    throw new FerryError('ERR_BLK', `Request ${type} for block ${block} ended with status ${status}`);
  }
}

/** Disks compress as far as text does in every other block. */
function kindOf(block: number): number {
  return block % 2 === 0 ? PageKind.noise : PageKind.text;
}

function refuseOther(device: Device, size: number): void {
  const { name, virtioId } = device.identity;
  if (virtioId !== DISK)
    throw new FerryError(
      'ERR_MACHINE_DEVICE',
      `The ${name} device has virtio id ${virtioId}; this machine drives disks (${DISK})`,
    );
  const config = device.config?.read(0, BLK_CONFIG_LENGTH) ?? new Uint8Array(0);
  const capacity = decodeBlkConfig(config).capacity * SECTOR;
  if (capacity !== size || size % BLOCK_BYTES !== 0 || size / PAGE_SIZE > DISK_PAGES)
    throw new FerryError(
      'ERR_MACHINE_DEVICE',
      `The ${name} device has ${capacity} bytes; this machine drives disks of ${size}, in blocks of ${BLOCK_BYTES}`,
    );
}
