import { HEADER_SIZE, Kind, type Section, type StateIdentity, StateWriter } from '../../src/state/index.ts';

/** A frame of a state stream, as its bytes say; `start` and `end` are offsets in the stream. */
export interface FramePlace {
  readonly start: number;
  readonly end: number;
  readonly kind: number;
  readonly name: string;
}

/** Where the frames of a good stream lie. */
export function framesOf(state: Uint8Array): FramePlace[] {
  const view = new DataView(state.buffer, state.byteOffset, state.length);
  const frames: FramePlace[] = [];
  for (let start = 0; start < state.length; ) {
    const end = start + HEADER_SIZE + view.getUint32(start + 12, true);
    const name = Buffer.from(state.subarray(start + 24, start + HEADER_SIZE)).toString('latin1');
    frames.push({ start, end, kind: view.getUint8(start + 4), name: name.replace(/\0+$/, '') });
    start = end;
  }
  return frames;
}

/** Something that can be written into a stream as a record. */
export interface LooseRecord {
  readonly section: Section;
  readonly payload: Uint8Array;
}

/** Take a stream apart and write it anew with other records: every frame, the count and the digest are right. */
export function rewritten(
  state: Uint8Array,
  change: (records: readonly LooseRecord[]) => readonly LooseRecord[],
): Uint8Array {
  const view = new DataView(state.buffer, state.byteOffset, state.length);
  const [opening, ...frames] = framesOf(state);
  const identity: StateIdentity = {
    device: opening!.name,
    stateVersion: view.getUint32(16, true),
    virtioId: view.getUint32(HEADER_SIZE + 4, true),
    features: view.getBigUint64(HEADER_SIZE + 8, true),
  };
  const records = frames
    .filter(({ kind }) => kind === Kind.record)
    .map(({ start, end, name }) => ({
      section: { name, version: view.getUint32(start + 16, true), required: view.getUint8(start + 5) === 1 },
      payload: state.subarray(start + HEADER_SIZE, end),
    }));
  const pieces: Uint8Array[] = [];
  const writer = new StateWriter({ write: (bytes) => void pieces.push(bytes.slice()) }, identity);
  for (const { section, payload } of change(records)) writer.write(section, payload);
  writer.close();
  return new Uint8Array(Buffer.concat(pieces));
}
