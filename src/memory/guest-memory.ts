import { FerryError } from '../errors.ts';
import { describeRegion, type Region } from './region.ts';

/**
 * The memory of a guest: regions that overlap neither in guest nor in user addresses. It owns its regions. Looking an
 * address up allocates nothing.
 */
export class GuestMemory implements Disposable {
  /** How many regions there may be. */
  readonly capacity: number;
  /** Changes whenever a region goes: views made under another generation must not be touched. */
  generation = 0;
  #regions: readonly Region[] = [];
  #last: Region | undefined;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** All regions, by rising guest address. */
  get regions(): readonly Region[] {
    return this.#regions;
  }

  /** Take over `region`. Throws `ERR_OVERLAP` or `ERR_TOO_MANY_REGIONS`, and then the region stays the caller's. */
  add(region: Region): void {
    this.#regions = this.#ordered([...this.#regions, region]);
  }

  /** Unmap the region with exactly this place. Throws `ERR_NO_REGION` where there is none. */
  remove(place: { guestAddress: number; userAddress: number; size: number }): void {
    const region = this.#regions.find(
      ({ guestAddress, userAddress, size }) =>
        guestAddress === place.guestAddress && userAddress === place.userAddress && size === place.size,
    );
    if (region === undefined)
      throw new FerryError(
        'ERR_NO_REGION',
        `There is no ${describeRegion(place)} with user address 0x${place.userAddress.toString(16)}`,
      );
    this.#become(this.#regions.filter((other) => other !== region));
    region[Symbol.dispose]();
  }

  /** Take over `regions` in place of all there are. Throws as `add` does, and then nothing has changed. */
  replace(regions: readonly Region[]): void {
    const ordered = this.#ordered(regions);
    const old = this.#regions;
    this.#become(ordered);
    for (const region of old) region[Symbol.dispose]();
  }

  /** The region that holds `guestAddress`. */
  find(guestAddress: number): Region | undefined {
    const last = this.#last;
    if (last !== undefined && guestAddress >= last.guestAddress && guestAddress < last.end) return last;
    return this.#search(guestAddress);
  }

  /** The region that holds all of `length` bytes at user address `userAddress`. */
  findUser(userAddress: number, length: number): Region | undefined {
    return this.#regions.find(
      (region) =>
        userAddress >= region.userAddress && userAddress + length <= region.userAddress + region.size,
    );
  }

  [Symbol.dispose](): void {
    this.replace([]);
  }

  #search(guestAddress: number): Region | undefined {
    let low = 0;
    let high = this.#regions.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const region = this.#regions[middle]!;
      if (guestAddress < region.guestAddress) high = middle - 1;
      else if (guestAddress >= region.end) low = middle + 1;
      else {
        this.#last = region;
        return region;
      }
    }
    return undefined;
  }

  #become(regions: readonly Region[]): void {
    this.#regions = regions;
    this.#last = undefined;
    this.generation++;
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
