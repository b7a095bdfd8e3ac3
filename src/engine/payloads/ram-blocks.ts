import { FerryError } from '../../errors.ts';
import { MAX_BLOCK_NAME, MAX_BLOCKS, MAX_PAGES } from './limits.ts';
import { pagesPerPacket } from './packets.ts';

/** Bytes in a page, unless a machine says otherwise. */
export const RAM_PAGE_SIZE = 4096;

/** A piece of a machine's memory, known to both ends by its name. */
export interface RamBlock {
  /** At most 255 bytes in UTF-8. */
  readonly name: string;
  /** Where it is mapped in this process. It must stay mapped for as long as channels run. */
  readonly address: number;
  /** Bytes: whole pages. */
  readonly length: number;
}

/** A block and its pages among those of all blocks. Plain data. */
export interface PlacedBlock extends RamBlock {
  readonly nameBytes: Uint8Array;
  readonly pages: number;
  /** Number of its first page in the sets of pages: a multiple of 32, so that no word of a set holds two blocks. */
  readonly firstPage: number;
}

/** All blocks of a machine. Plain data. */
export interface RamLayout {
  readonly pageSize: number;
  readonly blocks: readonly PlacedBlock[];
  /** Pages that a set over all blocks needs, with what lies between blocks. */
  readonly pages: number;
}

/**
 * Number the pages of `blocks`. Throws `ERR_RAM_BLOCKS` for blocks that cannot be: names that are empty, too long or there
 * twice, lengths that are not whole pages, too many of either, or a page size that 512 KiB is no multiple of.
 */
export function placeBlocks(blocks: readonly RamBlock[], pageSize = RAM_PAGE_SIZE): RamLayout {
  if (pageSize < 1024 || !Number.isInteger(Math.log2(pageSize)) || pagesPerPacket(pageSize) < 1)
    throw blocksError(`Pages of ${pageSize} bytes cannot be: a power of two from 1 KiB to 512 KiB can`);
  if (blocks.length > MAX_BLOCKS)
    throw blocksError(`${blocks.length} RAM blocks are too many: at most ${MAX_BLOCKS} are possible`);
  const placed: PlacedBlock[] = [];
  const names = new Set<string>();
  let firstPage = 0;
  for (const { name, address, length } of blocks) {
    const nameBytes = new Uint8Array(Buffer.from(name));
    if (nameBytes.length === 0 || nameBytes.length > MAX_BLOCK_NAME || nameBytes.includes(0))
      throw blocksError(
        `The name of a RAM block has ${nameBytes.length} bytes: 1 to 255 are possible, no NUL`,
      );
    if (names.has(name)) throw blocksError(`There are two RAM blocks ${name}`);
    const pages = length / pageSize;
    if (!Number.isInteger(pages) || pages < 1)
      throw blocksError(`RAM block ${name} has ${length} bytes, which are not pages of ${pageSize}`);
    names.add(name);
    placed.push({ name, address, length, nameBytes, pages, firstPage });
    firstPage = Math.ceil((firstPage + pages) / 32) * 32;
  }
  if (firstPage > MAX_PAGES) throw blocksError(`The RAM blocks have more than ${MAX_PAGES} pages`);
  return { pageSize, blocks: placed, pages: firstPage };
}

function blocksError(message: string): FerryError {
  return new FerryError('ERR_RAM_BLOCKS', message);
}
