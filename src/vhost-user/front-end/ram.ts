import { FerryError } from '../../errors.ts';
import { createMemfd, type Fd, type Mapping, mapShared, PAGE_SIZE, Seal } from '../../sys/index.ts';
import type { SharedRegion } from './memory.ts';

/** A guest's memory made by the front end: one memfd, sealed against shrinking, mapped here and shared with back ends. */
export class GuestRam implements SharedRegion, Disposable {
  /** Where the guest sees the first byte. */
  readonly guestAddress: number;
  readonly size: number;
  readonly fileOffset = 0;
  readonly fd: Fd;
  readonly #mapping: Mapping;
  #next = 0;

  constructor(size: number, guestAddress = 0) {
    this.guestAddress = guestAddress;
    this.size = size;
    this.fd = createMemfd('guest memory', size);
    try {
      this.fd.addSeals(Seal.shrink | Seal.grow);
      this.#mapping = mapShared(this.fd, 0, size, { name: 'guest memory' });
    } catch (error) {
      this.fd[Symbol.dispose]();
      throw error;
    }
  }

  /** `bytes[0]` lies at `guestAddress`. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#mapping.bytes;
  }

  /** What the front end calls the memory towards back ends: its own address of it. */
  get userAddress(): number {
    return this.#mapping.address;
  }

  /** Set `length` bytes aside, never to be given back, and return their guest address. */
  allocate(length: number, align = PAGE_SIZE): number {
    const start = Math.ceil(this.#next / align) * align;
    if (start + length > this.size)
      throw new FerryError(
        'ERR_NO_ROOM',
        `${length} bytes of guest memory wanted, ${this.size - start} of ${this.size} are left`,
      );
    this.#next = start + length;
    return this.guestAddress + start;
  }

  /** A view of `length` bytes at a guest address. */
  view(guestAddress: number, length: number): Uint8Array<ArrayBuffer> {
    const start = guestAddress - this.guestAddress;
    return this.bytes.subarray(start, start + length);
  }

  [Symbol.dispose](): void {
    this.#mapping[Symbol.dispose]();
    this.fd[Symbol.dispose]();
  }
}
