import { FerryError } from '../../errors.ts';
import { FrontEndRequest } from '../constants.ts';
import { MAX_TABLE_REGIONS } from '../limits.ts';
import { memRegion, memTableHead, singleRegion } from '../payloads.ts';
import type { Agreement } from './agreement.ts';
import type { Channel, OpenFile } from './channel.ts';

/** A region of guest memory to share: `size` bytes of `fd` from `fileOffset`, which the guest sees at `guestAddress`. */
export interface SharedRegion {
  readonly guestAddress: number;
  readonly size: number;
  /** What the front end calls the memory: its own address of it, or any that overlaps no other region's. */
  readonly userAddress: number;
  readonly fileOffset: number;
  /** The file or memfd, as an `Fd` or whatever else knows its number. */
  readonly fd: OpenFile;
}

/**
 * The regions that one back end was given: one by one where it knows CONFIGURE_MEM_SLOTS, as a table else. With
 * GPA_ADDRESSES they, and the rings in them, go by their guest addresses.
 */
export class MemoryTable {
  readonly #channel: Channel;
  readonly #agreement: Agreement;
  #regions: readonly SharedRegion[] = [];

  constructor(channel: Channel, agreement: Agreement) {
    this.#channel = channel;
    this.#agreement = agreement;
  }

  get regions(): readonly SharedRegion[] {
    return this.#regions;
  }

  /** The first guest address behind all regions. */
  get end(): number {
    return this.#regions.reduce((end, { guestAddress, size }) => Math.max(end, guestAddress + size), 0);
  }

  /** Share further regions. Throws `ERR_OVERLAP`, `ERR_TOO_MANY_REGIONS`, or what the back end says. */
  add(added: readonly SharedRegion[]): void {
    const regions = [...this.#regions, ...added];
    refuseOverlap(regions);
    this.#refuseTooMany(regions.length);
    if (!this.#agreement.has('CONFIGURE_MEM_SLOTS')) {
      this.#sendTable(regions);
      return;
    }
    for (const region of added) {
      this.#channel.tell(FrontEndRequest.ADD_MEM_REG, singleRegion.encode(this.#place(region)), [region.fd]);
      this.#regions = [...this.#regions, region];
    }
  }

  /** Take a region back. */
  remove(region: SharedRegion): void {
    const regions = this.#regions.filter((other) => other !== region);
    if (regions.length === this.#regions.length)
      throw new FerryError('ERR_NO_REGION', `${describe(region)} is not shared with the back end`);
    if (this.#agreement.has('CONFIGURE_MEM_SLOTS')) {
      this.#channel.tell(FrontEndRequest.REM_MEM_REG, singleRegion.encode(this.#place(region)));
      this.#regions = regions;
    } else this.#sendTable(regions);
  }

  /** What the back end is to call the guest address `address`. Throws `ERR_NO_REGION` where no memory is shared. */
  userAddress(address: number): number {
    const region = this.#regions.find(
      ({ guestAddress, size }) => address >= guestAddress && address < guestAddress + size,
    );
    if (region === undefined)
      throw new FerryError(
        'ERR_NO_REGION',
        `The back end was given no memory at guest address 0x${address.toString(16)}`,
      );
    return this.#place(region).userAddress + address - region.guestAddress;
  }

  #sendTable(regions: readonly SharedRegion[]): void {
    const payload = new Uint8Array(memTableHead.size + regions.length * memRegion.size);
    memTableHead.encodeInto({ count: regions.length }, payload);
    for (const [i, region] of regions.entries())
      memRegion.encodeInto(this.#place(region), payload, memTableHead.size + i * memRegion.size);
    this.#channel.tell(
      FrontEndRequest.SET_MEM_TABLE,
      payload,
      regions.map(({ fd }) => fd),
    );
    this.#regions = regions;
  }

  #place({ guestAddress, size, userAddress, fileOffset }: SharedRegion) {
    const user = this.#agreement.has('GPA_ADDRESSES') ? guestAddress : userAddress;
    return { guestAddress, size, userAddress: user, fileOffset };
  }

  #refuseTooMany(count: number): void {
    const most = this.#agreement.has('CONFIGURE_MEM_SLOTS')
      ? (this.#agreement.offered.memorySlots ?? Infinity)
      : MAX_TABLE_REGIONS;
    if (count > most)
      throw new FerryError('ERR_TOO_MANY_REGIONS', `${count} memory regions, the back end takes ${most}`);
  }
}

function describe({ guestAddress, size }: SharedRegion): string {
  return `Region [0x${guestAddress.toString(16)}, 0x${(guestAddress + size).toString(16)})`;
}

function refuseOverlap(regions: readonly SharedRegion[]): void {
  const ordered = regions.toSorted((one, other) => one.guestAddress - other.guestAddress);
  for (const [i, region] of ordered.entries()) {
    const next = ordered[i + 1];
    if (next !== undefined && region.guestAddress + region.size > next.guestAddress)
      throw new FerryError('ERR_OVERLAP', `${describe(region)} and ${describe(next)} overlap`);
  }
}
