import { fstatSync } from 'node:fs';
import { FerryError } from '../errors.ts';
import { type Fd, type Mapping, mapShared, PAGE_SIZE, Seal } from '../sys/index.ts';

/** Where a region of guest memory lies: for the guest, for the front end, and in the file that holds it. */
export interface RegionPlace {
  readonly guestAddress: number;
  /** Bytes; need not be whole pages. */
  readonly size: number;
  /** What the front end calls the same memory; opaque, used for ring addresses. */
  readonly userAddress: number;
  /** Where the region starts in its file; need not be a multiple of the page size. */
  readonly fileOffset: number;
}

/**
 * Part of a region, small enough for its bytes to be accessed at full speed: the engine is many times slower at indexes
 * that no 32-bit integer holds. `bytes[0]` is the byte at `guestAddress`.
 */
export interface Window {
  readonly guestAddress: number;
  readonly size: number;
  /** The first address after the window. */
  readonly end: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The same memory in words of four bytes; undefined where it does not begin at one. */
  readonly words: Uint32Array<ArrayBuffer> | undefined;
  /** Where `bytes[0]` lies in this process. */
  readonly address: number;
}

const WINDOW_SIZE = 2 ** 30;

/** A region of guest memory, mapped. `bytes[0]` is the byte at `guestAddress`. */
export class Region implements RegionPlace, Disposable {
  readonly guestAddress: number;
  readonly size: number;
  readonly userAddress: number;
  readonly fileOffset: number;
  /** The first address after the region. */
  readonly end: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** All of the region, in order. */
  readonly windows: readonly Window[];
  readonly #mapping: Mapping;

  /** `mapping` holds the region from its byte `delta` on, and belongs to the region from now on. */
  constructor(place: RegionPlace, mapping: Mapping, delta: number) {
    this.guestAddress = place.guestAddress;
    this.size = place.size;
    this.userAddress = place.userAddress;
    this.fileOffset = place.fileOffset;
    this.end = place.guestAddress + place.size;
    this.#mapping = mapping;
    this.bytes = new Uint8Array(mapping.buffer, delta, place.size);
    this.windows = Array.from({ length: Math.ceil(place.size / WINDOW_SIZE) }, (_, i) =>
      windowOn(
        this.bytes.subarray(i * WINDOW_SIZE, (i + 1) * WINDOW_SIZE),
        place.guestAddress + i * WINDOW_SIZE,
        mapping.address + delta + i * WINDOW_SIZE,
      ),
    );
  }

  [Symbol.dispose](): void {
    this.#mapping[Symbol.dispose]();
  }
}

function windowOn(bytes: Uint8Array<ArrayBuffer>, guestAddress: number, address: number): Window {
  const { buffer, byteOffset, length: size } = bytes;
  const words = byteOffset % 4 === 0 ? new Uint32Array(buffer, byteOffset, size >> 2) : undefined;
  return { guestAddress, size, end: guestAddress + size, bytes, words, address };
}

/** `region [0x0, 0xc0000)`, for messages. */
export function describeRegion({ guestAddress, size }: { guestAddress: number; size: number }): string {
  return `region [0x${guestAddress.toString(16)}, 0x${(guestAddress + size).toString(16)})`;
}

/**
 * Map the memory at `place` from the file `fd`, which may be closed afterwards. Throws `ERR_REGION` for a place that
 * cannot be, `ERR_BEYOND_END` where the file is too short, and a `SystemError` where mmap fails. `warn` hears of a
 * file that its owner can still shrink, which would kill this process at its next access.
 */
export function mapRegion(fd: Fd, place: RegionPlace, warn?: (message: string) => void): Region {
  const { guestAddress, size, userAddress, fileOffset } = place;
  const name = `memory ${describeRegion(place)}`;
  if (size <= 0) throw new FerryError('ERR_REGION', `The ${name} is empty`);
  for (const [what, start] of [
    ['guest address', guestAddress],
    ['user address', userAddress],
    ['file offset', fileOffset],
  ] as const)
    if (!Number.isSafeInteger(start + size))
      throw new FerryError(
        'ERR_REGION',
        `The ${name} ends beyond 2^53 with its ${what} 0x${start.toString(16)}`,
      );
  const seals = fd.seals;
  if (seals === undefined || (seals & Seal.shrink) === 0)
    warn?.(`The file under ${name} is not sealed against shrinking: truncating it would kill this process`);
  const { offset, length } = mappingOf(fd, fileOffset, size);
  return new Region(place, mapShared(fd, offset, length, { name }), fileOffset - offset);
}

/**
 * The range to map for bytes `fileOffset` to `fileOffset + size`. It starts and ends at whole pages of the file, which
 * on hugetlbfs are larger than the machine's and are its block size; at the end of other files it may be shorter.
 */
function mappingOf(fd: Fd, fileOffset: number, size: number): { offset: number; length: number } {
  const { blksize, size: fileSize } = fstatSync(fd.number);
  const page = blksize > PAGE_SIZE && Number.isInteger(Math.log2(blksize)) ? blksize : PAGE_SIZE;
  const offset = fileOffset - (fileOffset % page);
  const exact = fileOffset + size - offset;
  const rounded = Math.ceil(exact / page) * page;
  return { offset, length: Math.max(exact, Math.min(rounded, fileSize - offset)) };
}
