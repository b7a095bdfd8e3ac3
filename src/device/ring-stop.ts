import { type IncomingRecord, type RecordWriter, type Section, StateError } from '../state/index.ts';

/** Where a ring stopped, and the requests that had been taken from it and not been answered, in their order. */
export interface RingStop {
  readonly queue: number;
  /** Next index of the available ring. */
  readonly next: number;
  /** First descriptors of the parked requests. */
  readonly parked: readonly number[];
}

/**
 * The SDK's own section: a record for each queue that ever ran.
 *
 *     0  u16  index of the queue
 *     2  u16  next index of its available ring
 *     4  u32  parked requests
 *     8  u16… first descriptor of each
 */
export const RING_STOP_SECTION: Section = { name: 'ferry.queue', version: 1, required: true };

const HEAD = 8;

/** Append the record of one ring. */
export function writeRingStop(records: RecordWriter, { queue, next, parked }: RingStop): void {
  const payload = new Uint8Array(HEAD + 2 * parked.length);
  const view = new DataView(payload.buffer);
  view.setUint16(0, queue, true);
  view.setUint16(2, next, true);
  view.setUint32(4, parked.length, true);
  for (const [i, head] of parked.entries()) view.setUint16(HEAD + 2 * i, head, true);
  records.write(RING_STOP_SECTION, payload);
}

/** Read the record of one ring of a device with `queues`. Throws a `StateError` for what cannot be. */
export function readRingStop(
  { payload }: IncomingRecord,
  queues: { readonly count: number; readonly maxSize: number },
): RingStop {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  if (payload.length < HEAD) throw bad(`${payload.length} bytes, expected at least ${HEAD}`);
  const queue = view.getUint16(0, true);
  const next = view.getUint16(2, true);
  const count = view.getUint32(4, true);
  if (queue >= queues.count) throw bad(`queue ${queue}, this device has ${queues.count}`);
  if (count > queues.maxSize)
    throw bad(`${count} parked requests in a queue of at most ${queues.maxSize} entries`);
  if (payload.length !== HEAD + 2 * count)
    throw bad(`${payload.length} bytes for ${count} requests, expected ${HEAD + 2 * count}`);
  const parked = new Set<number>();
  for (let i = 0; i < count; i++) {
    const head = view.getUint16(HEAD + 2 * i, true);
    if (head >= queues.maxSize || parked.has(head))
      throw bad(`parked request ${head}, twice or beyond the queue`);
    parked.add(head);
  }
  return { queue, next, parked: [...parked] };
}

function bad(message: string): StateError {
  return new StateError('ERR_STATE_SECTION', RING_STOP_SECTION.name, message);
}
