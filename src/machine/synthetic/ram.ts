import { type PlacedBlock, placeBlocks } from '../../engine/payloads/index.ts';
import { GuestMemory, mapRegion, PageBitmap, type Region } from '../../memory/index.ts';
import { createMemfd, Seal } from '../../sys/index.ts';

/** The RAM of a machine: blocks of memory in memfds, and the set of pages that were written. Memory is used when it is touched. */
export class MachineRam implements Disposable {
  readonly memory: GuestMemory;
  /** As they move: pages are numbered over all of them. */
  readonly blocks: readonly PlacedBlock[];
  /** Pages that were written, to be collected by whoever moves them. */
  readonly marks: PageBitmap;
  #quarantined = false;

  /**
   * Blocks with these names and lengths, one behind the other in guest addresses. Throws `ERR_RAM_BLOCKS`
   * for lengths that are not whole pages, `SystemError` where there is no memory.
   */
  constructor(lengths: Readonly<Record<string, number>>) {
    const shapes = Object.entries(lengths);
    this.memory = new GuestMemory(shapes.length);
    const regions: Region[] = [];
    try {
      let guestAddress = 0;
      for (const [name, length] of shapes) {
        regions.push(createRegion(name, guestAddress, length));
        guestAddress += length;
      }
      const layout = placeBlocks(
        regions.map(({ windows, size }, i) => ({
          name: shapes[i]![0],
          address: windows[0]!.address,
          length: size,
        })),
      );
      this.blocks = layout.blocks;
      this.marks = new PageBitmap(layout.pages);
    } catch (error) {
      for (const region of regions) region[Symbol.dispose]();
      throw error;
    }
    this.memory.exchange(regions);
  }

  /** The block with this name. Throws a `RangeError` where there is none. */
  block(name: string): PlacedBlock {
    const block = this.blocks.find((one) => one.name === name);
    if (block === undefined) throw new RangeError(`There is no block of RAM named ${name}`);
    return block;
  }

  /** Bytes of all blocks. */
  get bytes(): number {
    return this.blocks.reduce((sum, { length }) => sum + length, 0);
  }

  /** Somebody who does not return may still touch the memory: it is kept for the life of the process. */
  quarantine(): void {
    this.#quarantined = true;
  }

  [Symbol.dispose](): void {
    if (!this.#quarantined) this.memory[Symbol.dispose]();
  }
}

function createRegion(name: string, guestAddress: number, size: number): Region {
  using fd = createMemfd(name, size);
  fd.addSeals(Seal.shrink | Seal.grow);
  return mapRegion(fd, { guestAddress, userAddress: guestAddress, size, fileOffset: 0 });
}
