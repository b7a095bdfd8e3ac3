import type { GuestMemory } from '../memory/index.ts';
import type { DescriptorChain } from './chain.ts';
import { VirtqueueError } from './errors.ts';
import { IndirectTable } from './indirect-table.ts';
import { MAX_SEGMENTS } from './limits.ts';

const F_NEXT = 1;
const F_WRITE = 2;
const F_INDIRECT = 4;

/**
 * Follows descriptors (virtio 1.2, section 2.7.5) through guest memory into a `DescriptorChain`. Each word of a
 * descriptor is read once; what it says is checked and used from then on, whatever the driver writes there.
 */
export class ChainLoader {
  readonly #memory: GuestMemory;
  readonly #size: number;
  readonly #tables: IndirectTable | undefined;

  /** For a queue of `size` entries; `indirect` where the driver may use indirect descriptors. */
  constructor(memory: GuestMemory, size: number, indirect: boolean) {
    this.#memory = memory;
    this.#size = size;
    this.#tables = indirect ? new IndirectTable(memory, size) : undefined;
  }

  /** Fill `chain` with the request that starts at `head` in `descriptors`. Throws `VirtqueueError`. */
  load(chain: DescriptorChain, head: number, descriptors: Uint32Array): void {
    chain.clear(head, this.#memory);
    let table = descriptors;
    let start = 0;
    let entries = this.#size;
    let left = entries;
    let index = head;
    let inTable = false;
    for (;;) {
      if (index >= entries)
        throw new VirtqueueError('ERR_DESCRIPTOR_INDEX', `Not one of the ${entries} there are`, index);
      if (left-- === 0)
        throw new VirtqueueError('ERR_CHAIN_LENGTH', `The chain has more than ${entries} descriptors`, index);
      const at = start + index * 4;
      const guestAddress = table[at + 1]! * 0x1_0000_0000 + table[at]!;
      const length = table[at + 2]!;
      const word = table[at + 3]!;
      if ((word & F_INDIRECT) !== 0) {
        if (inTable) throw indirectError('Within an indirect table', index);
        if ((word & F_NEXT) !== 0) throw indirectError('Another descriptor follows', index);
        const entered = this.#enter(guestAddress, length, index);
        table = entered.words;
        start = entered.start;
        inTable = true;
        entries = length / 16;
        left = entries;
        index = 0;
        continue;
      }
      if (length !== 0) this.#append(chain, guestAddress, length, (word & F_WRITE) !== 0, index);
      if ((word & F_NEXT) === 0) return;
      index = word >>> 16;
    }
  }

  /**
   * Fill `chain` with the request that its `taken` copied descriptors of a packed queue (section 2.8) describe, the first
   * of which is `first` in the ring. Throws `VirtqueueError`.
   */
  loadTaken(chain: DescriptorChain, id: number, first: number): void {
    chain.clear(id, this.#memory);
    const { descriptors, taken } = chain;
    for (let i = 0; i < taken; i++) {
      const at = i * 4;
      const index = (first + i) % this.#size;
      const guestAddress = (descriptors[at + 1]! >>> 0) * 0x1_0000_0000 + (descriptors[at]! >>> 0);
      const length = descriptors[at + 2]! >>> 0;
      const flags = descriptors[at + 3]! >>> 16;
      if ((flags & F_INDIRECT) !== 0) {
        if (taken > 1) throw indirectError('In a list of descriptors', index);
        this.#loadTable(chain, this.#enter(guestAddress, length, index), length / 16);
      } else if (length !== 0) this.#append(chain, guestAddress, length, (flags & F_WRITE) !== 0, index);
    }
  }

  /** All of an indirect table of a packed queue: `write` is the only flag that means something there. */
  #loadTable(chain: DescriptorChain, { words: table, start }: IndirectTable, count: number): void {
    for (let index = 0; index < count; index++) {
      const at = start + index * 4;
      const length = table[at + 2]!;
      if (length === 0) continue;
      const guestAddress = table[at + 1]! * 0x1_0000_0000 + table[at]!;
      this.#append(chain, guestAddress, length, ((table[at + 3]! >>> 16) & F_WRITE) !== 0, index);
    }
  }

  #enter(guestAddress: number, length: number, index: number): IndirectTable {
    const tables = this.#tables;
    if (tables === undefined) throw indirectError('Indirect descriptors were not negotiated', index);
    if (length === 0 || length % 16 !== 0 || length / 16 > tables.capacity)
      throw indirectError(
        `A table of ${length} bytes, expected 1 to ${tables.capacity} descriptors of 16 bytes`,
        index,
      );
    if (!tables.open(guestAddress, length)) throw unmapped(guestAddress, length, index);
    return tables;
  }

  #append(chain: DescriptorChain, guestAddress: number, length: number, write: boolean, index: number): void {
    if (!write && chain.writable.length !== 0)
      throw new VirtqueueError('ERR_DESCRIPTOR_ORDER', 'For reading, after one for writing', index);
    const { segments } = write ? chain.writable : chain.readable;
    let at = guestAddress;
    let left = length;
    while (left > 0) {
      if (segments.count === MAX_SEGMENTS)
        throw new VirtqueueError(
          'ERR_CHAIN_LENGTH',
          `The chain is in more than ${MAX_SEGMENTS} pieces`,
          index,
        );
      const window = this.#memory.find(at);
      if (window === undefined) throw unmapped(guestAddress, length, index);
      const piece = Math.min(left, window.end - at);
      segments.append(window, at - window.guestAddress, piece);
      at += piece;
      left -= piece;
    }
  }
}

function indirectError(message: string, descriptor: number): VirtqueueError {
  return new VirtqueueError('ERR_INDIRECT', message, descriptor);
}

function unmapped(guestAddress: number, length: number, descriptor: number): VirtqueueError {
  return new VirtqueueError(
    'ERR_DESCRIPTOR_ADDRESS',
    `${length} bytes at 0x${guestAddress.toString(16)} are not all guest memory`,
    descriptor,
  );
}
