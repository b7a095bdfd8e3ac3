import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DeferredRequest, Request } from '../../src/device/index.ts';
import { Poller } from '../../src/device/poller.ts';
import { BlkDevice, createBlkDevice } from '../../src/devices/blk/index.ts';
import { type Mapping, mapAnonymous } from '../../src/sys/index.ts';
import { DescriptorChain, type Segments } from '../../src/virtio/index.ts';

const ARENA = 16 * 2 ** 20;
const PATIENCE = 10_000;
const NOT_YET = 0xee;

export const Type = { in: 0, out: 1, flush: 4, getId: 8, discard: 11, writeZeroes: 13 } as const;

/** How a request ended: what the driver sees. */
export interface Answer {
  /** The last writable byte; 0xee where the device has not set it. */
  readonly status: number;
  /** Used length. */
  readonly used: number;
  /** All writable bytes but the last. */
  readonly data: Uint8Array;
}

/** A request under way. */
export class Sent implements DeferredRequest {
  readonly queue: number;
  readonly readable: DescriptorChain['readable'];
  readonly writable: DescriptorChain['writable'];
  readonly #area: Uint8Array;
  abandoned = false;
  answers = 0;

  constructor(queue: number, chain: DescriptorChain, area: Uint8Array) {
    this.queue = queue;
    this.readable = chain.readable;
    this.writable = chain.writable;
    this.#area = area;
  }

  complete(): void {
    if (!this.abandoned) this.answers++;
  }

  get answer(): Answer {
    if (this.answers !== 1) throw new Error(`${this.answers} answers to one request`);
    return {
      status: this.#area.at(-1) ?? NOT_YET,
      used: this.writable.written,
      data: this.#area.slice(0, -1),
    };
  }
}

/** How many bytes each piece has that a direction of a chain is cut into; the last one has what is left. */
export type Cuts = readonly number[];

/** `u32 type, u32 reserved, u64 sector`. */
export function header(type: number, sector: number | bigint = 0): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setBigUint64(8, BigInt(sector), true);
  return bytes;
}

/** `u64 sector, u32 sectors, u32 flags` each. */
export function ranges(...each: readonly (readonly [sector: number, sectors: number, flags?: number])[]) {
  const bytes = new Uint8Array(16 * each.length);
  const view = new DataView(bytes.buffer);
  for (const [i, [sector, sectors, flags = 0]] of each.entries()) {
    view.setBigUint64(16 * i, BigInt(sector), true);
    view.setUint32(16 * i + 8, sectors, true);
    view.setUint32(16 * i + 12, flags, true);
  }
  return bytes;
}

/** A guest without a machine: its memory is mapped, so that system calls reach it as they reach a guest's. */
export class BlkGuest implements Disposable {
  readonly device: BlkDevice;
  readonly lines: string[] = [];
  configChanges = 0;
  readonly #memory: Mapping = mapAnonymous(ARENA, 'guest of blk');
  readonly #range = {
    guestAddress: 0x1000,
    size: ARENA,
    bytes: this.#memory.bytes,
    address: this.#memory.address,
  };
  readonly #poller = new Poller();
  #used = 0;

  /** With a disk of these options, or one that is there. */
  constructor(disk: Record<string, unknown> | BlkDevice) {
    this.device = disk instanceof BlkDevice ? disk : createBlkDevice(disk);
    this.device.attach({
      log: (message) => void this.lines.push(message),
      watch: (fd, events, callback) => this.#poller.watch('device', fd, events, callback),
      configChanged: () => void this.configChanges++,
      now: () => performance.now(),
    });
  }

  /** Hand a chain over: `bytes` to read and `room` bytes to write. */
  send(bytes: Uint8Array, room: number, { queue = 0, cuts = [] as Cuts, roomCuts = [] as Cuts } = {}): Sent {
    const chain = new DescriptorChain();
    chain.clear(0);
    this.#place(chain.readable.segments, bytes, cuts);
    const area = this.#place(chain.writable.segments, new Uint8Array(room).fill(NOT_YET), roomCuts);
    const request: Request = {
      queue,
      readable: chain.readable,
      writable: chain.writable,
      defer: () => {
        const copy = chain.clone();
        sent = new Sent(queue, copy, area);
        return sent;
      },
    };
    let sent = new Sent(queue, chain, area);
    if (this.device.handle(request) === 'done') sent.complete();
    return sent;
  }

  /** Wait for the answer. */
  answer(sent: Sent): Answer {
    const end = performance.now() + PATIENCE;
    while (sent.answers === 0) {
      if (performance.now() > end) throw new Error('No answer came');
      this.#poller.waitOnly('device', 100);
    }
    return sent.answer;
  }

  /** Forget what earlier requests lie in: none of them may be under way. */
  ask(bytes: Uint8Array, room: number, shape: { cuts?: Cuts; roomCuts?: Cuts } = {}): Answer {
    this.#used = 0;
    return this.answer(this.send(bytes, room, shape));
  }

  read(sector: number, length: number): Uint8Array {
    const { status, used, data } = this.ask(header(Type.in, sector), length + 1);
    if (status !== 0 || used !== length + 1) throw new Error(`Status ${status}, ${used} bytes used`);
    return data;
  }

  write(sector: number, bytes: Uint8Array): void {
    const { status } = this.ask(Buffer.concat([header(Type.out, sector), bytes]), 1);
    if (status !== 0) throw new Error(`Status ${status}`);
  }

  [Symbol.dispose](): void {
    this.device[Symbol.dispose]();
    this.#poller[Symbol.dispose]();
    this.#memory[Symbol.dispose]();
  }

  /** Cut `bytes` into pieces that do not lie side by side. */
  #place(segments: Segments, bytes: Uint8Array, cuts: Cuts): Uint8Array {
    // One area, so that the whole can be looked at; pieces of it in order
    const start = this.#used;
    this.#used += Math.ceil((bytes.length + 1) / 16) * 16;
    if (this.#used > ARENA) throw new Error('The guest has no memory left');
    this.#memory.bytes.set(bytes, start);
    let at = 0;
    for (const cut of [...cuts, bytes.length]) {
      const length = Math.min(cut, bytes.length - at);
      if (length > 0) segments.append(this.#range, start + at, length);
      at += length;
    }
    return this.#memory.bytes.subarray(start, start + bytes.length);
  }
}

/** A folder with an image of `size` zeroes in it, removed at the end; in memory unless `folder` says otherwise. */
export function testImage(size: number, folder = tmpdir()): { path: string } & Disposable {
  const place = mkdtempSync(join(folder, 'ferry-blk-'));
  const path = join(place, 'disk.raw');
  writeFileSync(path, new Uint8Array(size));
  return { path, [Symbol.dispose]: () => rmSync(place, { recursive: true, force: true }) };
}
