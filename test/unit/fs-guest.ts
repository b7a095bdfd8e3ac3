import assert from 'node:assert/strict';
import { type DeferredRequest, type Device, LATER, type Request } from '../../src/device/index.ts';
import { createFsDevice, type FsDevice } from '../../src/devices/fs/index.ts';
import { encodeRequest, FuseClient, type FuseRequest, replyRoom, requests } from '../../src/fuse/index.ts';
import { mapAnonymous } from '../../src/sys/index.ts';
import { DescriptorChain } from '../../src/virtio/index.ts';

const MIB = 2 ** 20;

/** What came back for one chain: the bytes written, or undefined while the request is deferred. */
export type Answer = Uint8Array | undefined;

/** A request that the device has deferred. */
class Deferral implements DeferredRequest {
  readonly queue: number;
  readonly readable: DescriptorChain['readable'];
  readonly writable: DescriptorChain['writable'];
  readonly #area: Uint8Array;
  abandoned = false;
  answer: Answer = undefined;

  constructor(queue: number, chain: DescriptorChain, area: Uint8Array) {
    this.queue = queue;
    this.readable = chain.readable;
    this.writable = chain.writable;
    this.#area = area;
  }

  complete(): void {
    if (!this.abandoned) this.answer = this.#area.slice(0, this.writable.written);
  }
}

/** Bytes of memory for requests and answers: several of the longest. */
const MEMORY = 8 * MIB;

/** The memory of a guest without a machine. Pieces are taken in turn, so that a deferred request keeps its own. */
class GuestMemory implements Disposable {
  readonly #mapping = mapAnonymous(MEMORY, 'guest');
  readonly #range = {
    guestAddress: 0,
    size: MEMORY,
    bytes: this.#mapping.bytes,
    address: this.#mapping.address,
  };
  #next = 0;

  /** Take `length` bytes, and append them to `segments` in pieces, as a driver spreads a request over pages. */
  take(segments: DescriptorChain['readable']['segments'], length: number, piece: number): Uint8Array {
    if (this.#next + length > MEMORY) this.#next = 0;
    const start = this.#next;
    this.#next += length;
    for (let at = 0; at < length; at += piece)
      segments.append(this.#range, start + at, Math.min(piece, length - at));
    return this.#mapping.bytes.subarray(start, start + length);
  }

  [Symbol.dispose](): void {
    this.#mapping[Symbol.dispose]();
  }
}

/** A guest without a machine: hands chains over plain arrays to a device, which it owns, one at a time. */
export class GuestOf<D extends Device> implements Disposable {
  readonly device: D;
  readonly client: FuseClient;
  /** Longest segment of the chains that are made. */
  piece = 4096;
  readonly #memory = new GuestMemory();
  #last: Deferral | undefined;

  constructor(device: D) {
    this.device = device;
    this.client = new FuseClient((bytes, room) => {
      const answer = this.send(bytes, room);
      if (answer === undefined) throw new Error('The request was deferred');
      return answer;
    });
  }

  /** Hand over a chain: `bytes` to read and `room` bytes to write. */
  send(bytes: Uint8Array, room: number, queue = 1): Answer {
    const chain = new DescriptorChain();
    chain.clear(0);
    this.#memory.take(chain.readable.segments, bytes.length, this.piece).set(bytes);
    const area = this.#memory.take(chain.writable.segments, room, this.piece).fill(0);
    let deferral: Deferral | undefined;
    const request: Request = {
      queue,
      readable: chain.readable,
      writable: chain.writable,
      defer: () => {
        deferral = new Deferral(queue, chain, area);
        return deferral;
      },
    };
    if (this.device.handle(request) === LATER) {
      this.#last = deferral;
      return undefined;
    }
    return area.slice(0, chain.writable.written);
  }

  /** Send a request that the device is to defer. */
  sendLater(request: FuseRequest, unique: bigint): Deferral {
    const answer = this.send(encodeRequest(request, unique), replyRoom(request));
    if (answer !== undefined || this.#last === undefined)
      throw new Error(`Answered at once: ${Buffer.from(answer ?? []).toString('hex')}`);
    return this.#last;
  }

  [Symbol.dispose](): void {
    this.device[Symbol.dispose]?.();
    this.#memory[Symbol.dispose]();
  }
}

/** A guest of a device with the memory backing. */
export class Guest extends GuestOf<FsDevice> {
  constructor(options: Record<string, unknown> = {}) {
    super(createFsDevice({ memory: 64 * MIB, ...options }));
  }

  /** A guest that has mounted the file system. */
  static mounted(options: Record<string, unknown> = {}): Guest {
    const guest = new Guest(options);
    guest.client.init();
    return guest;
  }
}

/** Assert that the file system answers with this error. */
export function fails(errnoName: string, call: () => unknown): void {
  assert.throws(call, { name: 'FuseError', errnoName });
}

/** The names in a directory, in its order, read `size` bytes at a time. */
export function namesIn(guest: { readonly client: FuseClient }, node: number, size = 4096): string[] {
  const { client } = guest;
  const handle = client.opendir(node);
  const names: string[] = [];
  for (let cookie: number | bigint = 0; ; ) {
    const entries = client.readdir(node, handle, cookie, size);
    if (entries.length === 0) break;
    for (const { name } of entries) names.push(Buffer.from(name).toString('latin1'));
    cookie = entries.at(-1)!.cookie;
  }
  client.call(requests.releasedir(node, handle));
  return names;
}
