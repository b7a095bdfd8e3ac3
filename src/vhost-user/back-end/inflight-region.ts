import { fstatSync } from 'node:fs';
import {
  createMemfd,
  type Fd,
  type Mapping,
  mapShared,
  PAGE_SIZE,
  pageRound,
  Seal,
} from '../../sys/index.ts';
import { inflightStride, type VirtqueueKind } from '../../virtio/index.ts';
import { RequestError } from '../errors.ts';
import { MAX_INFLIGHT } from '../limits.ts';

/** Where a queue's part of a region, of either kind, says how many entries it has (u16). */
const ENTRIES_AT = 10;

/** How many queues a region of inflight requests is for, and how many entries each of them has at most. */
export interface InflightExtent {
  readonly queues: number;
  readonly queueSize: number;
}

/**
 * Memory shared with the front end in which queues write down the requests that they have taken and not completed. It
 * outlives this process: the next one finds there what is unfinished.
 */
export class InflightRegion implements Disposable {
  readonly extent: InflightExtent;
  readonly #mapping: Mapping;
  readonly #bytes: Uint8Array;

  /** The region of `size` bytes that starts `delta` bytes into `mapping`, which belongs to it from now on. */
  constructor(extent: InflightExtent, mapping: Mapping, delta: number, size: number) {
    this.extent = extent;
    this.#mapping = mapping;
    this.#bytes = mapping.bytes.subarray(delta, delta + size);
  }

  /** What belongs to queue `index`. Throws `ERR_INFLIGHT` where the region was not made for such a queue. */
  part(index: number, kind: VirtqueueKind): Uint8Array {
    const { queues, queueSize } = this.extent;
    const stride = inflightStride(kind, queueSize);
    if (index >= queues || (index + 1) * stride > this.#bytes.length)
      throw new RequestError(
        'ERR_INFLIGHT',
        `The inflight region of ${this.#bytes.length} bytes for ${queues} queues has no room for ${kind} queue ${index}`,
      );
    return this.#bytes.subarray(index * stride, (index + 1) * stride);
  }

  [Symbol.dispose](): void {
    this.#mapping[Symbol.dispose]();
  }
}

/** Bytes of a region; throws `ERR_INFLIGHT` for one that is too large to be meant. */
function sizeOf({ queues, queueSize }: InflightExtent, kind: VirtqueueKind): number {
  const size = queues * inflightStride(kind, queueSize);
  if (size > MAX_INFLIGHT)
    throw new RequestError(
      'ERR_INFLIGHT',
      `An inflight region of ${size} bytes, at most ${MAX_INFLIGHT} are possible`,
    );
  return size;
}

/** A new region, with nothing in it, and the descriptor that the front end keeps. Nobody can change its size. */
export function createInflightRegion(
  extent: InflightExtent,
  kind: VirtqueueKind,
): { region: InflightRegion; size: number; fd: Fd } {
  const size = sizeOf(extent, kind);
  using resources = new DisposableStack();
  const fd = resources.use(createMemfd('ferry inflight', pageRound(size)));
  fd.addSeals(Seal.shrink | Seal.grow);
  const mapping = resources.use(mapShared(fd, 0, size, { name: 'inflight region' }));
  const view = new DataView(mapping.buffer);
  const stride = inflightStride(kind, extent.queueSize);
  for (let at = 0; at < size; at += stride) view.setUint16(at + ENTRIES_AT, extent.queueSize, true);
  const region = new InflightRegion(extent, mapping, 0, size);
  resources.move();
  return { region, size, fd };
}

/**
 * The region that lies in `fd`, `size` bytes from `offset` on by the front end's word. Throws `ERR_INFLIGHT` where it
 * is too small for its extent, `ERR_BEYOND_END` where the file is shorter. `warn` hears of a file that can still shrink.
 */
export function mapInflightRegion(
  fd: Fd,
  place: InflightExtent & { readonly size: number; readonly offset: number },
  kind: VirtqueueKind,
  warn: (message: string) => void,
): InflightRegion {
  const needed = sizeOf(place, kind);
  const { size, offset, queues, queueSize } = place;
  if (size < needed || !Number.isSafeInteger(offset + size))
    throw new RequestError(
      'ERR_INFLIGHT',
      `An inflight region of ${size} bytes at ${offset}; ${queues} ${kind} queues of ${queueSize} entries take ${needed}`,
    );
  const stat = fstatSync(fd.number);
  if (!stat.isFile() || offset + size > stat.size)
    throw new RequestError(
      'ERR_BEYOND_END',
      `The inflight region covers bytes ${offset} to ${offset + size}, but its file has ${stat.isFile() ? stat.size : 'no'} bytes`,
    );
  const seals = fd.seals;
  if (seals === undefined || (seals & Seal.shrink) === 0)
    warn('The inflight region is not sealed against shrinking: truncating it would kill this process');
  // The features that say what kind the queues are may come later
  const used = Math.min(size, MAX_INFLIGHT, queues * inflightStride('packed', queueSize));
  const delta = offset % PAGE_SIZE;
  const mapping = mapShared(fd, offset - delta, delta + used, { name: 'inflight region' });
  return new InflightRegion({ queues, queueSize }, mapping, delta, used);
}
