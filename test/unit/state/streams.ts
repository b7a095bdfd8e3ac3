import {
  type ByteSource,
  FrameReader,
  HEADER_SIZE,
  type Section,
  type StateConsumer,
  type StateIdentity,
  StateReader,
  StateWriter,
} from '../../../src/state/index.ts';

export interface Item {
  readonly section: Section;
  readonly payload: Uint8Array;
}

export const identity: StateIdentity = {
  device: 'toy',
  virtioId: 42,
  stateVersion: 3,
  features: 0x1_3000_0000n,
};

export const sections: readonly Section[] = [
  { name: 'nodes', version: 2, required: true },
  { name: 'hints', version: 1, required: false },
];

export const consumer: StateConsumer = { ...identity, sections };

/** A stream that holds `items`. */
export function write(items: readonly Item[], who = identity): Uint8Array {
  const pieces: Uint8Array[] = [];
  const writer = new StateWriter({ write: (bytes) => void pieces.push(bytes.slice()) }, who);
  for (const { section, payload } of items) writer.write(section, payload);
  writer.close();
  return new Uint8Array(Buffer.concat(pieces));
}

/** `bytes` in pieces of at most `piece` bytes, as a pipe would give them. */
export function sourceOf(bytes: Uint8Array, piece = Number.POSITIVE_INFINITY): ByteSource {
  let at = 0;
  return {
    read(into) {
      const count = Math.min(into.length, bytes.length - at, piece);
      into.set(bytes.subarray(at, at + count));
      at += count;
      return count;
    },
  };
}

/** Everything that a device is given from `bytes`. */
export function read(bytes: Uint8Array, who = consumer, piece?: number): Item[] {
  const reader = new StateReader(sourceOf(bytes, piece), who);
  const items: Item[] = [];
  for (let record = reader.next(); record !== undefined; record = reader.next())
    items.push({
      section: { name: record.section, version: record.version, required: true },
      payload: record.payload.slice(),
    });
  return items;
}

/** Where each frame of a valid stream starts, and the stream's length at last. */
export function frameOffsets(bytes: Uint8Array): number[] {
  const offsets: number[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < bytes.length; at += HEADER_SIZE + view.getUint32(at + 12, true)) offsets.push(at);
  return [...offsets, bytes.length];
}

/** Read `bytes` as frames, whatever their sections are. */
export function drain(bytes: Uint8Array): number {
  const frames = new FrameReader(sourceOf(bytes));
  frames.open();
  let count = 0;
  while (frames.next() !== undefined) count++;
  return count;
}
