import { type IncomingRecord, type RecordWriter, type Section, StateError } from '../state/index.ts';
import { initialBase, type ParkedRequest, type VirtqueueKind } from '../virtio/index.ts';

/** Where a ring stopped, and the requests that had been taken from it and not been answered, in their order. */
export interface RingStop {
  readonly queue: number;
  readonly kind: VirtqueueKind;
  /** As GET_VRING_BASE tells it: of a split queue 16 bits, of a packed one 32. */
  readonly base: number;
  readonly parked: readonly ParkedRequest[];
}

/**
 * The SDK's own section: a record for each queue that ever ran. Version 1 is for split queues:
 *
 *     0  u16  index of the queue
 *     2  u16  next index of its available ring
 *     4  u32  parked requests
 *     8  u16… first descriptor of each
 *
 * Version 2 is for packed ones, whose driver may use a descriptor's place again before its request is completed:
 *
 *     0  u16  index of the queue
 *     2  u16  zero
 *     4  u32  where both sides stand, as GET_VRING_BASE tells it
 *     8  u32  parked requests
 *    12  of each: u16 buffer id, u16 descriptors, then these, of 16 bytes
 */
export const RING_STOP_SECTION: Section = { name: 'ferry.queue', version: 2, required: true };

/** Queues of a kind that a device of the first version knows are saved in a way that it understands. */
const SPLIT_SECTION: Section = { ...RING_STOP_SECTION, version: 1 };

const SPLIT_HEAD = 8;
const PACKED_HEAD = 12;
const PARKED_HEAD = 4;
const DESCRIPTOR = 16;
const WRAP_COUNTER = 0x8000;

/** A driver names the buffers of a packed queue as it likes. */
const BUFFER_IDS = 0x10000;

/** Largest sizes that a record may speak of. */
export interface QueueBounds {
  readonly count: number;
  readonly maxSize: number;
}

/**
 * Where the ring would have to start by what had been completed alone: all that a front end can tell whose connection
 * ended without GET_VRING_BASE.
 */
export function completedBase({ kind, base, parked }: RingStop): number {
  if (kind === 'split') return (base - parked.length) & 0xffff;
  const used = base >>> 16;
  return ((used << 16) | used) >>> 0;
}

/**
 * `base` with both sides of a packed ring. DPDK gives one and means both; where that is the true base, a whole lap of
 * requests waits, and whoever stopped the ring knows of them.
 */
export function bothSides(kind: VirtqueueKind, base: number): number {
  const oneSide = kind === 'packed' && base >>> 16 === 0 && (base & WRAP_COUNTER) !== 0;
  return oneSide ? ((base << 16) | base) >>> 0 : base;
}

/** Whether nothing had been completed on this ring yet, as far as can be told from where it stopped. */
export function isUntouched(stop: RingStop): boolean {
  return completedBase(stop) === initialBase(stop.kind);
}

/** Append the record of one ring. */
export function writeRingStop(records: RecordWriter, stop: RingStop): void {
  if (stop.kind === 'split') records.write(SPLIT_SECTION, encodeSplit(stop));
  else records.write(RING_STOP_SECTION, encodePacked(stop));
}

/** Read the record of one ring of a device with `queues`. Throws a `StateError` for what cannot be. */
export function readRingStop({ version, payload }: IncomingRecord, queues: QueueBounds): RingStop {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  const head = version === 1 ? SPLIT_HEAD : PACKED_HEAD;
  if (payload.length < head) throw bad(`${payload.length} bytes, expected at least ${head}`);
  const queue = view.getUint16(0, true);
  if (queue >= queues.count) throw bad(`queue ${queue}, this device has ${queues.count}`);
  const count = view.getUint32(head - 4, true);
  if (count > queues.maxSize)
    throw bad(`${count} parked requests in a queue of at most ${queues.maxSize} entries`);
  return version === 1
    ? { queue, kind: 'split', base: view.getUint16(2, true), parked: readHeads(view, count, queues) }
    : { queue, kind: 'packed', base: readPackedBase(view), parked: readChains(view, count, queues) };
}

function encodeSplit({ queue, base, parked }: RingStop): Uint8Array {
  const payload = new Uint8Array(SPLIT_HEAD + 2 * parked.length);
  const view = new DataView(payload.buffer);
  view.setUint16(0, queue, true);
  view.setUint16(2, base, true);
  view.setUint32(4, parked.length, true);
  for (const [i, { head }] of parked.entries()) view.setUint16(SPLIT_HEAD + 2 * i, head, true);
  return payload;
}

function encodePacked({ queue, base, parked }: RingStop): Uint8Array {
  const bytes = parked.reduce((sum, { descriptors }) => sum + PARKED_HEAD + (descriptors?.length ?? 0), 0);
  const payload = new Uint8Array(PACKED_HEAD + bytes);
  const view = new DataView(payload.buffer);
  view.setUint16(0, queue, true);
  view.setUint32(4, base, true);
  view.setUint32(8, parked.length, true);
  let at = PACKED_HEAD;
  for (const { head, descriptors = new Uint8Array(0) } of parked) {
    view.setUint16(at, head, true);
    view.setUint16(at + 2, descriptors.length / DESCRIPTOR, true);
    payload.set(descriptors, at + PARKED_HEAD);
    at += PARKED_HEAD + descriptors.length;
  }
  return payload;
}

function readHeads(view: DataView, count: number, { maxSize }: QueueBounds): ParkedRequest[] {
  if (view.byteLength !== SPLIT_HEAD + 2 * count)
    throw bad(`${view.byteLength} bytes for ${count} requests, expected ${SPLIT_HEAD + 2 * count}`);
  const heads = new Set<number>();
  for (let i = 0; i < count; i++) heads.add(readHead(view, SPLIT_HEAD + 2 * i, heads, maxSize));
  return [...heads].map((head) => ({ head }));
}

function readPackedBase(view: DataView): number {
  const reserved = view.getUint16(2, true);
  if (reserved !== 0) throw bad(`0x${reserved.toString(16)} in a reserved field`);
  return view.getUint32(4, true);
}

function readChains(view: DataView, count: number, { maxSize }: QueueBounds): ParkedRequest[] {
  const heads = new Set<number>();
  const parked: ParkedRequest[] = [];
  let at = PACKED_HEAD;
  let left = maxSize;
  for (let i = 0; i < count; i++) {
    if (view.byteLength - at < PARKED_HEAD) throw bad(`ends within parked request ${i} of ${count}`);
    const head = readHead(view, at, heads, BUFFER_IDS);
    const descriptors = view.getUint16(at + 2, true);
    at += PARKED_HEAD;
    left -= descriptors;
    if (descriptors === 0 || left < 0)
      throw bad(`parked request ${head} has ${descriptors} descriptors, of ${maxSize} in the queue`);
    if (view.byteLength - at < descriptors * DESCRIPTOR)
      throw bad(`ends within the descriptors of request ${head}`);
    heads.add(head);
    const start = view.byteOffset + at;
    parked.push({
      head,
      descriptors: new Uint8Array(view.buffer.slice(start, start + descriptors * DESCRIPTOR) as ArrayBuffer),
    });
    at += descriptors * DESCRIPTOR;
  }
  if (at !== view.byteLength) throw bad(`${view.byteLength - at} bytes after ${count} requests`);
  return parked;
}

function readHead(view: DataView, at: number, before: ReadonlySet<number>, limit: number): number {
  const head = view.getUint16(at, true);
  if (head >= limit || before.has(head)) throw bad(`parked request ${head}, twice or beyond the queue`);
  return head;
}

function bad(message: string): StateError {
  return new StateError('ERR_STATE_SECTION', RING_STOP_SECTION.name, message);
}
