import { InflightPart, inflightError, Unfinished } from './inflight.ts';
import { availableState, F_STATE, LAST_WORD, WORDS } from './packed-ring.ts';
import type { ParkedRequest } from './virtqueue.ts';

/** 16-bit words, then bytes, of the head that only a packed queue's part has. */
const AT_FREE = 6;
const AT_OLD_FREE = 7;
const AT_USED = 8;
const AT_OLD_USED = 9;
const AT_WRAP = 20;
const AT_OLD_WRAP = 21;
/** Offsets within an entry. */
const NEXT = 2;
const LAST = 4;
const COUNT = 6;
const COUNTER = 8;
const ID_AND_FLAGS = 16;
const LENGTH = 20;
const ADDRESS = 24;

/**
 * What a packed queue has taken and not completed, noted in shared memory so that a successor of this process finds it
 * there. Entries hold copies of descriptors, because the ring is written over; those of a chain are linked, and so are
 * free ones:
 *
 *     0  u64  features, 0          32 + 32 i       u8   1 while in flight (first entry of a chain)
 *     8  u16  version              32 + 32 i + 2   u16  next entry
 *    10  u16  entries              32 + 32 i + 4   u16  last entry of the chain
 *    12  u16  first free entry     32 + 32 i + 6   u16  entries of the chain
 *    14  u16  … as committed       32 + 32 i + 8   u64  counter: the order of taking
 *    16  u16  used index           32 + 32 i + 16  u16  buffer id, u16 flags
 *    18  u16  … as committed       32 + 32 i + 20  u32  length
 *    20  u8   used wrap counter    32 + 32 i + 24  u64  address
 *    21  u8   … as committed
 *
 * A completion is written to the head first, then to the ring, then committed. A successor looks into the ring to see
 * whether to finish a completion that it finds begun, or to undo it. What is read while running is read from copies.
 */
export class PackedInflight {
  /** What was in flight when the last process ended, in the order it was taken. */
  readonly unfinished: readonly ParkedRequest[] = [];
  /** Whether the part had been in use: then it knows the used position and all that has been taken. */
  readonly resumed: boolean;
  readonly #part: InflightPart;
  readonly #next: Uint16Array;
  readonly #last: Uint16Array;
  /** Entries of unfinished requests by buffer id. */
  readonly #entryOf = new Map<number, number>();
  #free = 0;
  #counter = 0;

  /**
   * For a queue of `size` over the words of `ring`, of which a new part learns that it stands at index `used` with
   * counter `wrap`. Throws `ERR_INFLIGHT` for contents that cannot be.
   */
  constructor(bytes: Uint8Array, size: number, ring: Int32Array, used: number, wrap: number) {
    const part = new InflightPart('packed', bytes, size);
    this.#part = part;
    this.#next = new Uint16Array(part.entries);
    this.#last = new Uint16Array(part.entries);
    this.resumed = part.used;
    if (part.used) {
      this.#settle(size, ring);
      const unfinished = this.#find(size, this.#readFree());
      this.unfinished = unfinished.inOrder;
      this.#counter = unfinished.nextCounter;
    } else this.#format(used, wrap);
  }

  /** Where the next used descriptor goes. */
  get used(): number {
    return this.#part.halves[AT_USED]!;
  }

  /** The wrap counter of that place. */
  get usedWrap(): number {
    return this.#part.bytes[AT_WRAP]!;
  }

  /** The entry in which the unfinished request with buffer `id` is noted, or -1. Each is told once. */
  claim(id: number): number {
    const entry = this.#entryOf.get(id) ?? -1;
    this.#entryOf.delete(id);
    return entry;
  }

  /** A chain of `count` descriptors, copied to `descriptors`, has been taken. Returns its entry. */
  take(descriptors: Int32Array, count: number): number {
    const part = this.#part;
    const { bytes, halves, words } = part;
    const entry = this.#free;
    const counter = this.#counter++;
    let last = entry;
    let free = entry;
    for (let i = 0; i < count; i++) {
      const at = part.at(free);
      words[(at + ID_AND_FLAGS) >>> 2] = descriptors[i * WORDS + LAST_WORD]!;
      words[(at + LENGTH) >>> 2] = descriptors[i * WORDS + 2]!;
      words[(at + ADDRESS) >>> 2] = descriptors[i * WORDS]!;
      words[(at + ADDRESS + 4) >>> 2] = descriptors[i * WORDS + 1]!;
      last = free;
      free = this.#next[free]!;
    }
    const at = part.at(entry);
    words[(at + COUNTER) >>> 2] = counter;
    words[(at + COUNTER + 4) >>> 2] = counter / 0x1_0000_0000;
    halves[(at + COUNT) >>> 1] = count;
    halves[(at + LAST) >>> 1] = last;
    bytes[at] = 1;
    halves[AT_FREE] = free;
    halves[AT_OLD_FREE] = free;
    this.#last[entry] = last;
    this.#free = free;
    return entry;
  }

  /** The request in `entry` is about to be given back, which brings the used position to `used` and `wrap`. */
  complete(entry: number, used: number, wrap: number): void {
    const { bytes, halves } = this.#part;
    const last = this.#last[entry]!;
    halves[(this.#part.at(last) + NEXT) >>> 1] = this.#free;
    this.#next[last] = this.#free;
    halves[AT_FREE] = entry;
    this.#free = entry;
    halves[AT_USED] = used;
    bytes[AT_WRAP] = wrap;
  }

  /** It was given back. The free list comes first: where both heads of it are the same, a successor commits the rest. */
  completed(entry: number, used: number, wrap: number): void {
    const { bytes, halves } = this.#part;
    bytes[this.#part.at(entry)] = 0;
    halves[AT_OLD_FREE] = entry;
    halves[AT_OLD_USED] = used;
    bytes[AT_OLD_WRAP] = wrap;
  }

  #format(used: number, wrap: number): void {
    const { bytes, halves, entries } = this.#part;
    for (let i = 0; i < entries; i++) {
      bytes[this.#part.at(i)] = 0;
      this.#next[i] = i + 1;
      halves[(this.#part.at(i) + NEXT) >>> 1] = i + 1;
    }
    halves[AT_FREE] = 0;
    halves[AT_OLD_FREE] = 0;
    halves[AT_USED] = used;
    halves[AT_OLD_USED] = used;
    bytes[AT_WRAP] = wrap;
    bytes[AT_OLD_WRAP] = wrap;
    this.#part.begin();
  }

  /** Finish or undo what had begun. The order of the stores lets a successor do it once more if this process ends, too. */
  #settle(size: number, ring: Int32Array): void {
    const { bytes, halves } = this.#part;
    const [used, old] = [halves[AT_USED]!, halves[AT_OLD_USED]!];
    const [wrap, oldWrap] = [bytes[AT_WRAP]!, bytes[AT_OLD_WRAP]!];
    const [free, oldFree] = [halves[AT_FREE]!, halves[AT_OLD_FREE]!];
    if (used >= size || old >= size || wrap > 1 || oldWrap > 1)
      throw inflightError(
        `Used index ${used} with wrap counter ${wrap}, committed ${old} with ${oldWrap}, in a queue of ${size}`,
      );
    const begun = used !== old || wrap !== oldWrap;
    const state = (Atomics.load(ring, old * WORDS + LAST_WORD) >>> 16) & F_STATE;
    if (begun && (free === oldFree || state !== availableState(oldWrap))) {
      halves[AT_OLD_FREE] = free;
      halves[AT_OLD_USED] = used;
      bytes[AT_OLD_WRAP] = wrap;
    } else {
      halves[AT_USED] = old;
      bytes[AT_WRAP] = oldWrap;
      halves[AT_FREE] = oldFree;
    }
  }

  /** Follow the free list, whose entries are not in flight whatever they say. Returns which ones they are. */
  #readFree(): Uint8Array {
    const { bytes, halves, entries } = this.#part;
    const free = new Uint8Array(entries);
    let index = halves[AT_FREE]!;
    this.#free = index;
    while (index !== entries) {
      if (index > entries || free[index] === 1)
        throw inflightError(`Entry ${index} in the free list, none of ${entries} or there already`);
      free[index] = 1;
      bytes[this.#part.at(index)] = 0;
      const next = halves[(this.#part.at(index) + NEXT) >>> 1]!;
      this.#next[index] = next;
      index = next;
    }
    return free;
  }

  #find(size: number, taken: Uint8Array): Unfinished<ParkedRequest> {
    const unfinished = new Unfinished<ParkedRequest>();
    const { bytes, words, entries } = this.#part;
    let sum = 0;
    for (let i = 0; i < entries; i++) {
      const at = this.#part.at(i);
      const mark = bytes[at]!;
      if (mark === 0) continue;
      if (mark !== 1) throw inflightError(`Entry ${i} is marked ${mark}`);
      const request = this.#readChain(i, size, taken);
      sum += request.descriptors.length / 16;
      if (sum > size) throw inflightError(`${sum} descriptors in flight in a queue of ${size}`);
      if (this.#entryOf.has(request.head)) throw inflightError(`Buffer id ${request.head} in flight twice`);
      this.#entryOf.set(request.head, i);
      unfinished.add(words[(at + COUNTER) >>> 2]!, words[(at + COUNTER + 4) >>> 2]!, request);
    }
    const lost = taken.indexOf(0);
    if (lost >= 0) throw inflightError(`Entry ${lost} is neither free nor of a request`);
    return unfinished;
  }

  /** The chain that begins in entry `first`; entries that are `taken` belong to something else. */
  #readChain(first: number, size: number, taken: Uint8Array): Required<ParkedRequest> {
    const { halves, words, entries } = this.#part;
    const count = halves[(this.#part.at(first) + COUNT) >>> 1]!;
    if (count < 1 || count > size)
      throw inflightError(`A request of ${count} descriptors in a queue of ${size}`);
    const descriptors = new Uint32Array(count * WORDS);
    let index = first;
    let last = first;
    for (let i = 0; i < count; i++) {
      if (index >= entries || taken[index] === 1)
        throw inflightError(`Entry ${index}, of the request in ${first}, is none of ${entries} or in use`);
      taken[index] = 1;
      const at = this.#part.at(index);
      descriptors[i * WORDS] = words[(at + ADDRESS) >>> 2]!;
      descriptors[i * WORDS + 1] = words[(at + ADDRESS + 4) >>> 2]!;
      descriptors[i * WORDS + 2] = words[(at + LENGTH) >>> 2]!;
      descriptors[i * WORDS + LAST_WORD] = words[(at + ID_AND_FLAGS) >>> 2]!;
      last = index;
      index = halves[(at + NEXT) >>> 1]!;
      this.#next[last] = index;
    }
    const said = halves[(this.#part.at(first) + LAST) >>> 1]!;
    if (said !== last) throw inflightError(`The request in entry ${first} ends in ${last}, not in ${said}`);
    this.#last[first] = last;
    const head = descriptors[descriptors.length - 1]! & 0xffff;
    if (head >= size) throw inflightError(`Buffer id ${head} in a queue of ${size}`);
    return { head, descriptors: new Uint8Array(descriptors.buffer) };
  }
}
