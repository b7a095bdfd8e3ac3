import { FerryError } from '../errors.ts';
import { describeRegion, type Region, type Window } from './region.ts';

/**
 * The memory of a guest: regions that overlap neither in guest nor in user addresses. It owns its regions. Looking an
 * address up allocates nothing.
 */
export class GuestMemory implements Disposable {
  /** How many regions there may be. */
  readonly capacity: number;
  /** Changes with the regions: views made under another generation must not be touched. */
  generation = 0;
  #regions: readonly Region[] = [];
  #windows: readonly Window[] = [];
  #last: Window | undefined;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** All regions, by rising guest address. */
  get regions(): readonly Region[] {
    return this.#regions;
  }

  /** The region with exactly this place. Throws `ERR_NO_REGION` where there is none. */
  region(place: { guestAddress: number; userAddress: number; size: number }): Region {
    const region = this.#regions.find(
      ({ guestAddress, userAddress, size }) =>
        guestAddress === place.guestAddress && userAddress === place.userAddress && size === place.size,
    );
    if (region === undefined)
      throw new FerryError(
        'ERR_NO_REGION',
        `There is no ${describeRegion(place)} with user address 0x${place.userAddress.toString(16)}`,
      );
    return region;
  }

  /**
   * Hold `regions` in place of all there are, and give those back: they are the caller's now. Throws `ERR_OVERLAP` or
   * `ERR_TOO_MANY_REGIONS`, and then nothing has changed hands.
   */
  exchange(regions: readonly Region[]): readonly Region[] {
    const ordered = this.#ordered(regions);
    const before = this.#regions;
    this.#regions = ordered;
    this.#windows = ordered.flatMap((region) => region.windows);
    this.#last = undefined;
    this.generation++;
    return before;
  }

  /** The window on the memory at `guestAddress`. */
  find(guestAddress: number): Window | undefined {
    const last = this.#last;
    if (last !== undefined && guestAddress >= last.guestAddress && guestAddress < last.end) return last;
    return this.#search(guestAddress);
  }

  /** What the guest calls the byte at `userAddress`; undefined where no memory is. */
  guestAddressOf(userAddress: number): number | undefined {
    const region = this.#regions.find(
      (one) => userAddress >= one.userAddress && userAddress < one.userAddress + one.size,
    );
    return region === undefined ? undefined : region.guestAddress + (userAddress - region.userAddress);
  }

  /** `length` bytes at user address `userAddress`, which must lie in one region; undefined where they do not. */
  viewUser(userAddress: number, length: number): Uint8Array<ArrayBuffer> | undefined {
    const region = this.#regions.find(
      (one) => userAddress >= one.userAddress && userAddress + length <= one.userAddress + one.size,
    );
    if (region === undefined) return undefined;
    const start = userAddress - region.userAddress;
    return region.bytes.subarray(start, start + length);
  }

  [Symbol.dispose](): void {
    for (const region of this.exchange([])) region[Symbol.dispose]();
  }

  #search(guestAddress: number): Window | undefined {
    const windows = this.#windows;
    let low = 0;
    let high = windows.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const window = windows[middle]!;
      if (guestAddress < window.guestAddress) high = middle - 1;
      else if (guestAddress >= window.end) low = middle + 1;
      else {
        this.#last = window;
        return window;
      }
    }
    return undefined;
  }

  #ordered(regions: readonly Region[]): readonly Region[] {
    if (regions.length > this.capacity)
      throw new FerryError(
        'ERR_TOO_MANY_REGIONS',
        `${regions.length} memory regions, at most ${this.capacity} are possible`,
      );
    refuseOverlap(regions, 'user', (region) => region.userAddress);
    return refuseOverlap(regions, 'guest', (region) => region.guestAddress);
  }
}

/** The regions by rising address; throws where two of them share one. */
function refuseOverlap(
  regions: readonly Region[],
  space: 'guest' | 'user',
  start: (region: Region) => number,
): readonly Region[] {
  const ordered = [...regions].sort((one, other) => start(one) - start(other));
  for (const [i, region] of ordered.entries()) {
    const next = ordered[i + 1];
    if (next !== undefined && start(region) + region.size > start(next))
      throw new FerryError(
        'ERR_OVERLAP',
        `${describeRegion(region)} and ${describeRegion(next)} overlap in ${space} addresses`,
      );
  }
  return ordered;
}
