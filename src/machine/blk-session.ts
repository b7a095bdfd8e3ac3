import { FerryError } from '../errors.ts';
import type { FrontEnd } from '../vhost-user/index.ts';
import type { Buffer as GuestBuffer } from '../virtio/index.ts';
import {
  BLK_CONFIG_LENGTH,
  type BlkConfig,
  BlkFeature,
  BlkRequest,
  BlkStatus,
  blkHeader,
  blkRange,
  decodeBlkConfig,
  ID_LENGTH,
  SECTOR,
} from './blk/format.ts';
import { type DriverOptions, GuestDriver } from './guest-driver.ts';
import { streamQueues } from './guest-queue.ts';

/** Header, data, status. */
const PER_SLOT = 3;
/** The header, then the status; the data follows on a page of its own. */
const HEAD_ROOM = 4096;
const STATUS_AT = 512;
/** What the status byte is before the device has written it. */
const UNTOUCHED = 0xff;
const UNMAP = 1;

const WANTED =
  BlkFeature.SIZE_MAX |
  BlkFeature.SEG_MAX |
  BlkFeature.RO |
  BlkFeature.BLK_SIZE |
  BlkFeature.FLUSH |
  BlkFeature.TOPOLOGY |
  BlkFeature.CONFIG_WCE |
  BlkFeature.MQ |
  BlkFeature.DISCARD |
  BlkFeature.WRITE_ZEROES;

export interface BlkSessionOptions extends DriverOptions {
  /** Request queues to use; 1 unless given. */
  readonly queues?: number;
  /** Requests that can be in flight at one time on each queue; 1 unless given. */
  readonly depth?: number;
  /** Largest payload of one request, in bytes; 1 MiB unless given. */
  readonly maxData?: number;
}

/**
 * A guest's virtio-blk driver: memory and request queues, and block requests over them. Offsets and lengths are in bytes,
 * multiples of 512. The single requests use slot 0; whoever wants many in flight prepares slots and streams them.
 */
export class BlkSession extends GuestDriver {
  readonly depth: number;
  readonly #maxData: number;
  /** Where each slot's memory begins, by queue and slot. */
  readonly #areas: number[] = [];
  readonly #view: DataView;
  #config: BlkConfig | undefined;

  constructor(options: BlkSessionOptions = {}) {
    const { queues = 1, depth = 1, maxData = 1 << 20 } = options;
    const area = HEAD_ROOM + maxData;
    super(
      { queues, perSlot: PER_SLOT, memory: queues * depth * (area + HEAD_ROOM) },
      { features: WANTED, ...options },
    );
    this.depth = depth;
    this.#maxData = maxData;
    const { buffer, byteOffset, length } = this.ram.bytes;
    this.#view = new DataView(buffer, byteOffset, length);
    for (let slot = 0; slot < queues * depth; slot++) this.#areas.push(this.ram.allocate(area));
  }

  /** As `GuestDriver.adopt`; the configuration is read anew. */
  override adopt(frontEnd: FrontEnd): void {
    super.adopt(frontEnd);
    this.refreshConfig();
  }

  /** As `GuestDriver.reconnect`; the configuration is read anew. */
  override reconnect(path: string): void {
    super.reconnect(path);
    this.refreshConfig();
  }

  /** The device's configuration as it was read last; after a resize `configChanges` has grown and it is out of date. */
  get config(): BlkConfig {
    if (this.#config === undefined)
      throw new FerryError('ERR_DETACHED', 'The driver has read no configuration: it was never attached');
    return this.#config;
  }

  /** Read the configuration again. */
  refreshConfig(): BlkConfig {
    this.#config = decodeBlkConfig(this.frontEnd.readConfig(0, BLK_CONFIG_LENGTH));
    return this.#config;
  }

  /** Bytes of the disk. */
  get capacity(): number {
    return this.config.capacity * SECTOR;
  }

  /** How often the device has said that its configuration has changed, requests that wait to be served included. */
  get configChanges(): number {
    this.frontEnd.serveRequests();
    return this.frontEnd.configChanges;
  }

  /** Whether the driver and the device agreed on a feature of virtio-blk. */
  has(feature: keyof typeof BlkFeature): boolean {
    return (this.frontEnd.features & BlkFeature[feature]) !== 0n;
  }

  /** Read `length` bytes at `offset`. They are valid until the next request on that queue. Throws `ERR_BLK`. */
  read(offset: number, length: number, queue = 0): Uint8Array<ArrayBuffer> {
    this.#run(queue, this.#request(queue, 0, BlkRequest.IN, offset, length, true), 'Reading', offset, length);
    return this.data(queue, 0, length);
  }

  /** Write `bytes` at `offset`. Throws `ERR_BLK`. */
  write(offset: number, bytes: Uint8Array, queue = 0): void {
    const { length } = bytes;
    const buffers = this.#request(queue, 0, BlkRequest.OUT, offset, length, false);
    this.data(queue, 0, length).set(bytes);
    this.#run(queue, buffers, 'Writing', offset, length);
  }

  /** Make everything that was written last. Throws `ERR_BLK`. */
  flush(queue = 0): void {
    this.#run(queue, this.#request(queue, 0, BlkRequest.FLUSH, 0, 0, false), 'Flushing', 0, 0);
  }

  /** Give the space of a range back; what it reads as afterwards is the device's choice. Throws `ERR_BLK`. */
  discard(offset: number, length: number, queue = 0): void {
    this.#run(queue, this.#range(queue, BlkRequest.DISCARD, offset, length, 0), 'Discarding', offset, length);
  }

  /** Make a range read as zeroes; `unmap` allows the device to give its space back. Throws `ERR_BLK`. */
  writeZeroes(offset: number, length: number, { unmap = false }: { unmap?: boolean } = {}, queue = 0): void {
    const buffers = this.#range(queue, BlkRequest.WRITE_ZEROES, offset, length, unmap ? UNMAP : 0);
    this.#run(queue, buffers, 'Zeroing', offset, length);
  }

  /** The disk's serial number, at most 20 characters. Throws `ERR_BLK`. */
  identify(queue = 0): string {
    const buffers = this.#request(queue, 0, BlkRequest.GET_ID, 0, ID_LENGTH, true);
    this.data(queue, 0, ID_LENGTH).fill(0);
    this.#run(queue, buffers, 'Identifying', 0, ID_LENGTH);
    const bytes = this.data(queue, 0, ID_LENGTH);
    const end = bytes.indexOf(0);
    return Buffer.from(bytes.subarray(0, end < 0 ? ID_LENGTH : end)).toString('latin1');
  }

  /** Put a request that reads `length` bytes at `offset` into `slot`, to be streamed. */
  prepareRead(queue: number, slot: number, offset: number, length: number): void {
    this.#prepare(queue, slot, this.#request(queue, slot, BlkRequest.IN, offset, length, true));
  }

  /** Put a request that writes `length` bytes at `offset` into `slot`; what it writes is what lies in `data`. */
  prepareWrite(queue: number, slot: number, offset: number, length: number): void {
    this.#prepare(queue, slot, this.#request(queue, slot, BlkRequest.OUT, offset, length, false));
  }

  /** Put a flush into `slot`. */
  prepareFlush(queue: number, slot: number): void {
    this.#prepare(queue, slot, this.#request(queue, slot, BlkRequest.FLUSH, 0, 0, false));
  }

  /** Where the header of the request that was prepared last in `slot` lies, and its status: to put other data between. */
  headOf(queue: number, slot: number): { readonly request: GuestBuffer; readonly status: GuestBuffer } {
    const area = this.#area(queue, slot);
    return {
      request: { address: area, length: blkHeader.size, writable: false },
      status: { address: area + STATUS_AT, length: 1, writable: true },
    };
  }

  /**
   * Put a request of the caller's own making into `slot`: at most three buffers anywhere in the guest's memory, such as a
   * chain that no honest driver would send.
   */
  prepareRaw(queue: number, slot: number, buffers: readonly GuestBuffer[]): void {
    this.#prepare(queue, slot, buffers);
  }

  /** Move the prepared request in `slot` to another place of the disk. Allocates nothing. */
  seek(queue: number, slot: number, offset: number): void {
    const at = this.#area(queue, slot) - this.ram.guestAddress + blkHeader.offsets.sector;
    const sector = offset / SECTOR;
    this.#view.setUint32(at, sector >>> 0, true);
    this.#view.setUint32(at + 4, Math.floor(sector / 0x1_0000_0000), true);
  }

  /** The data of `slot`: what was read, or what is to be written. */
  data(queue: number, slot: number, length = this.#maxData): Uint8Array<ArrayBuffer> {
    return this.ram.view(this.#area(queue, slot) + HEAD_ROOM, length);
  }

  /** How the request in `slot` ended: 0 well, 1 with an error, 2 unsupported, 255 not yet. Allocates nothing. */
  status(queue: number, slot: number): number {
    return this.ram.bytes[this.#area(queue, slot) - this.ram.guestAddress + STATUS_AT]!;
  }

  /**
   * Send the prepared requests of `slots` on one queue, each again as soon as it is answered, until `count` answers have
   * come. `answered` is told each slot before it is sent again, and may change its request's bytes.
   */
  stream(queue: number, slots: readonly number[], count: number, answered?: (slot: number) => void): void {
    this.queues[queue]!.stream(slots, count, answered);
  }

  /** `stream` over all queues at once, `count` answers in all; `answered` is told the queue and the slot. */
  streamAll(slots: readonly number[], count: number, answered?: (queue: number, slot: number) => void): void {
    streamQueues(this, this.queues, slots, count, answered);
  }

  #area(queue: number, slot: number): number {
    const area = slot < this.depth ? this.#areas[queue * this.depth + slot] : undefined;
    if (area === undefined)
      throw new RangeError(
        `Slot ${slot} of queue ${queue}: ${this.depth} slots, ${this.queues.length} queues`,
      );
    return area;
  }

  #request(
    queue: number,
    slot: number,
    type: number,
    offset: number,
    length: number,
    writable: boolean,
  ): GuestBuffer[] {
    if (length > this.#maxData)
      throw new RangeError(`${length} bytes in one request, at most ${this.#maxData}`);
    if (offset % SECTOR !== 0) throw new RangeError(`Offset ${offset} is no multiple of ${SECTOR}`);
    const area = this.#area(queue, slot);
    blkHeader.encodeInto({ type, sector: BigInt(offset / SECTOR) }, this.ram.view(area, blkHeader.size));
    this.ram.view(area + STATUS_AT, 1)[0] = UNTOUCHED;
    const { request, status } = this.headOf(queue, slot);
    return length === 0
      ? [request, status]
      : [request, { address: area + HEAD_ROOM, length, writable }, status];
  }

  #range(queue: number, type: number, offset: number, length: number, flags: number): GuestBuffer[] {
    const buffers = this.#request(queue, 0, type, 0, blkRange.size, false);
    const range = { sector: BigInt(offset / SECTOR), sectors: length / SECTOR, flags };
    blkRange.encodeInto(range, this.data(queue, 0, blkRange.size));
    return buffers;
  }

  #prepare(queue: number, slot: number, buffers: readonly GuestBuffer[]): void {
    this.queues[queue]!.queue.prepare(slot, buffers);
  }

  #run(queue: number, buffers: readonly GuestBuffer[], what: string, offset: number, length: number): void {
    this.queues[queue]!.call(0, buffers);
    const status = this.status(queue, 0);
    if (status === BlkStatus.OK) return;
    const name = Object.entries(BlkStatus).find(([, value]) => value === status)?.[0] ?? 'none that there is';
    throw new FerryError(
      'ERR_BLK',
      `${what} ${length} bytes at ${offset} ended with status ${status} (${name})`,
    );
  }
}
