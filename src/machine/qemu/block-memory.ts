import type { RamBlock } from '../../engine/payloads/index.ts';
import { FerryError } from '../../errors.ts';
import { createMemfd, type Mapping, mapShared, PAGE_SIZE } from '../../sys/index.ts';

/** Memory for a machine's RAM blocks, by their names. It must outlive whoever was given its addresses. */
export class BlockMemory implements Disposable {
  readonly #blocks = new Map<string, { readonly mapping: Mapping; readonly length: number }>();
  /** Whether all of it is zero, as it was made. */
  fresh = true;

  /** All blocks, in the order in which they were added. */
  get blocks(): RamBlock[] {
    return [...this.#blocks].map(([name, { mapping, length }]) => ({
      name,
      address: mapping.address,
      length,
    }));
  }

  /** The block `name` of `length` bytes, made where it is not there yet. Throws `ERR_BLOCK` where it has another length. */
  add(name: string, length: number): RamBlock {
    let block = this.#blocks.get(name);
    if (block === undefined) {
      using fd = createMemfd(name, length);
      block = { mapping: mapShared(fd, 0, length, { name: `RAM block ${name}` }), length };
      this.#blocks.set(name, block);
    }
    if (block.length !== length)
      throw new FerryError(
        'ERR_BLOCK',
        `RAM block ${name} has ${block.length} bytes here, and ${length} at the source`,
      );
    return { name, address: block.mapping.address, length };
  }

  /** Have the kernel give all of it now, so that nobody waits for that later. */
  touch(): void {
    for (const { mapping, length } of this.#blocks.values())
      for (let at = 0; at < length; at += PAGE_SIZE) mapping.bytes[at] = mapping.bytes[at]!;
  }

  /** The bytes of block `name`, which are in use until this is disposed of. Throws `ERR_BLOCK` where there is none. */
  bytes(name: string): Uint8Array<ArrayBuffer> {
    const block = this.#blocks.get(name);
    if (block === undefined) throw new FerryError('ERR_BLOCK', `There is no RAM block ${name}`);
    return block.mapping.bytes.subarray(0, block.length);
  }

  [Symbol.dispose](): void {
    for (const { mapping } of this.#blocks.values()) mapping[Symbol.dispose]();
    this.#blocks.clear();
  }
}
