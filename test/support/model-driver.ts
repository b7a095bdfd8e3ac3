/** A driver whose whole state can be copied, over memory that is copied with it. */
import assert from 'node:assert/strict';
import {
  inflightStride,
  PackedQueue,
  type RingMemory,
  ringLengths,
  SplitQueue,
  type Virtqueue,
  type VirtqueueKind,
} from '../../src/virtio/index.ts';
import { type TestMemory, WRITE } from './raw-ring.ts';

/** Bytes of memory that a world takes. */
export const WORLD_SIZE = 0x1000;
const AVAILABLE = 0x200;
const USED = 0x300;
const REGION = 0x400;
const DATA = 0x800;
const NEXT = 1;
const AVAILABLE_FLAG = 0x80;
const USED_FLAG = 0x8000;

export interface World {
  readonly kind: VirtqueueKind;
  /** Entries of the ring, and those that the inflight region has. */
  readonly size: number;
  readonly entries: number;
}

interface Progress {
  /** Positions run on without end; index and wrap counter of a packed ring follow from them. */
  next: number;
  used: number;
  /** Descriptors of what is in flight, by id. */
  readonly open: Map<number, number>;
}

export class ModelDriver {
  readonly #world: World;
  readonly #memory: TestMemory;
  readonly #view: DataView;
  readonly #progress: Progress;

  constructor(world: World, memory: TestMemory, progress: Progress) {
    this.#world = world;
    this.#memory = memory;
    const { bytes } = memory.memory.regions[0]!;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#progress = progress;
  }

  /** A driver that has come to position `start`, with nothing in flight. */
  static fresh(world: World, memory: TestMemory, start: number): ModelDriver {
    const driver = new ModelDriver(world, memory, { next: start, used: start, open: new Map() });
    memory.memory.regions[0]!.bytes.fill(0);
    for (let i = 0; i < world.size; i++)
      driver.#view.setUint16(
        i * 16 + 14,
        driver.#wrap(start + i) === 1 ? 0 : USED_FLAG | AVAILABLE_FLAG,
        true,
      );
    if (world.kind === 'split')
      for (const at of [AVAILABLE + 2, USED + 2]) driver.#view.setUint16(at, start, true);
    return driver;
  }

  /** The same driver over a copy of its memory. */
  fork(memory: TestMemory): ModelDriver {
    const { next, used, open } = this.#progress;
    return new ModelDriver(this.#world, memory, { next, used, open: new Map(open) });
  }

  get open(): ReadonlyMap<number, number> {
    return this.#progress.open;
  }

  /** A device's side; what it writes down goes to `inflight`. */
  device(base: number, inflight = this.region()): Virtqueue {
    const { kind, size } = this.#world;
    const lengths = ringLengths(size, kind);
    const view = (at: number, length: number) => this.#memory.memory.viewUser(at, length)!;
    const ring: RingMemory = {
      descriptors: view(0, lengths.descriptors),
      available: view(AVAILABLE, lengths.available),
      used: view(USED, lengths.used),
    };
    const options = { size, base, eventIdx: true, indirect: true, inflight };
    return kind === 'packed'
      ? new PackedQueue(this.#memory.memory, ring, options)
      : new SplitQueue(this.#memory.memory, ring, options);
  }

  region(): Uint8Array {
    const { offset, length } = regionOf(this.#world);
    return this.#memory.memory.viewUser(offset, length)!;
  }

  /** What GET_VRING_BASE would say of a device that has taken nothing. */
  get base(): number {
    const { next } = this.#progress;
    if (this.#world.kind === 'split') return next & 0xffff;
    const at = (next % this.#world.size) | (this.#wrap(next) << 15);
    return (at | (at << 16)) >>> 0;
  }

  /** Send request `id` of `count` descriptors, if it is not in flight and there is room. */
  submit(id: number, count: number): boolean {
    const { open, next } = this.#progress;
    const { size, kind } = this.#world;
    const outstanding = [...open.values()].reduce((sum, one) => sum + one, 0);
    if (open.has(id) || outstanding + count > size) return false;
    if (kind === 'split') {
      const heads = size / 2;
      if (id >= heads) return false;
      for (let i = 0; i < count; i++)
        this.#describe(i === 0 ? id : heads + id, id, i + 1 < count, heads + id);
      this.#view.setUint16(AVAILABLE + 4 + (next % size) * 2, id, true);
      this.#progress.next = next + 1;
      this.#view.setUint16(AVAILABLE + 2, next + 1, true);
    } else {
      for (let i = count - 1; i >= 0; i--) {
        const state = this.#wrap(next + i) === 1 ? AVAILABLE_FLAG : USED_FLAG;
        this.#describe((next + i) % size, id, i + 1 < count, id, state);
      }
      this.#progress.next = next + count;
    }
    open.set(id, count);
    return true;
  }

  /** Everything that the device has given back since. Fails where it gives back what is not in flight. */
  collect(): number[] {
    const { open } = this.#progress;
    const ids: number[] = [];
    for (let id = this.#finished(); id >= 0; id = this.#finished()) {
      const count = open.get(id);
      assert.ok(count !== undefined, `request ${id} was given back though it is not in flight`);
      open.delete(id);
      this.#progress.used += this.#world.kind === 'split' ? 1 : count;
      ids.push(id);
    }
    return ids;
  }

  #finished(): number {
    const { used } = this.#progress;
    const { size, kind } = this.#world;
    if (kind === 'split')
      return this.#view.getUint16(USED + 2, true) === (used & 0xffff)
        ? -1
        : this.#view.getUint32(USED + 4 + (used % size) * 8, true);
    if (this.#progress.open.size === 0) return -1;
    const at = (used % size) * 16;
    const state = this.#view.getUint16(at + 14, true) & (AVAILABLE_FLAG | USED_FLAG);
    return state === (this.#wrap(used) === 1 ? AVAILABLE_FLAG | USED_FLAG : 0)
      ? this.#view.getUint16(at + 12, true)
      : -1;
  }

  #wrap(at: number): 0 | 1 {
    return Math.floor(at / this.#world.size) % 2 === 0 ? 1 : 0;
  }

  #describe(index: number, id: number, more: boolean, low: number, state = 0): void {
    const at = index * 16;
    const flags = WRITE | (more ? NEXT : 0) | state;
    const [first, second] = this.#world.kind === 'split' ? [flags, low] : [id, flags];
    this.#view.setBigUint64(at, BigInt(DATA + id * 16), true);
    this.#view.setUint32(at + 8, 1, true);
    this.#view.setUint16(at + 12, first, true);
    this.#view.setUint16(at + 14, second, true);
  }
}

/** Where a world's inflight region lies. */
export function regionOf({ kind, entries }: World): { offset: number; length: number } {
  return { offset: REGION, length: inflightStride(kind, entries) };
}
