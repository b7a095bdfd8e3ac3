import { type IncomingRecord, type RecordReader, StateError } from '../../../state/index.ts';
import type { Backing } from '../backing/backing.ts';
import { MemoryBacking } from '../backing/memory.ts';
import { BlkError } from '../errors.ts';
import { CONTENTS, CONTENTS_HEAD, DISK, Disk } from './sections.ts';

/** What was loaded. */
export interface LoadedDisk {
  readonly writeback: boolean;
  /** The disk that takes the live one's place, for a disk in memory. */
  readonly backing: MemoryBacking | undefined;
}

/**
 * Read the state of a disk that has to be the one `backing` is. Throws a `StateError` for records that cannot be, and
 * `ERR_BLK_STATE` where they are of another disk.
 */
export function loadDisk(backing: Backing, serial: Uint8Array, records: RecordReader): LoadedDisk {
  const record = records.next();
  if (record?.section !== DISK.name)
    throw new StateError(
      'ERR_STATE_SECTION',
      DISK.name,
      `missing, ${record?.section ?? 'the end'} comes first`,
    );
  const { payload } = record;
  if (payload.length !== Disk.length)
    throw new StateError('ERR_STATE_SECTION', DISK.name, `${payload.length} bytes, expected ${Disk.length}`);
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  const zeroes = [payload[Disk.zero]!, view.getUint32(Disk.zeroes, true)];
  if (zeroes.some((value) => value !== 0))
    throw new StateError('ERR_STATE_SECTION', DISK.name, `${zeroes.join(' and ')} in reserved fields`);
  refuseAnother(backing, serial, view, payload);
  const writeback = flag(payload, 'writeback');
  if (!(backing instanceof MemoryBacking)) return { writeback, backing: undefined };
  const incoming = backing.another();
  try {
    loadContents(incoming, records);
    return { writeback, backing: incoming };
  } catch (error) {
    incoming[Symbol.dispose]();
    throw error;
  }
}

function refuseAnother(backing: Backing, serial: Uint8Array, view: DataView, payload: Uint8Array): void {
  const text = (bytes: Uint8Array) =>
    JSON.stringify(Buffer.from(bytes).toString('latin1').replace(/\0+$/, ''));
  const flags = (value: boolean) => (value ? 'yes' : 'no');
  const compared: readonly (readonly [string, string, string])[] = [
    ['bytes', `${view.getBigUint64(Disk.size, true)}`, `${backing.size}`],
    ['bytes in a block', `${view.getUint32(Disk.blockSize, true)}`, `${backing.blockSize}`],
    ['contents in the state', flags(flag(payload, 'hasContents')), flags(backing.kind === 'memory')],
    ['read-only', flags(flag(payload, 'readOnly')), flags(backing.readOnly)],
    ['serial number', text(payload.subarray(Disk.serial, Disk.zeroes)), text(serial)],
  ];
  for (const [what, theirs, ours] of compared)
    if (theirs !== ours)
      throw new BlkError(
        'ERR_BLK_STATE',
        `The state is of another disk than ${backing.name}: ${what} ${theirs}, here ${ours}`,
      );
}

function flag(payload: Uint8Array, field: 'hasContents' | 'readOnly' | 'writeback'): boolean {
  const value = payload[Disk[field]];
  if (value !== 0 && value !== 1)
    throw new StateError('ERR_STATE_SECTION', DISK.name, `${field} is ${value}, expected 0 or 1`);
  return value === 1;
}

function loadContents(incoming: MemoryBacking, records: RecordReader): void {
  let end = 0;
  for (let record = records.next(); record !== undefined; record = records.next())
    end = loadPiece(incoming, record, end);
}

/** Returns where the piece ends; it may not begin before `from`. */
function loadPiece(
  { windows, size }: MemoryBacking,
  { section, payload }: IncomingRecord,
  from: number,
): number {
  if (section !== CONTENTS.name)
    throw new StateError('ERR_STATE_SECTION', section, `expected ${CONTENTS.name} or the end`);
  const length = payload.length - CONTENTS_HEAD;
  if (length <= 0)
    throw new StateError('ERR_STATE_SECTION', section, `${payload.length} bytes, no data in them`);
  const offset = Number(new DataView(payload.buffer, payload.byteOffset).getBigUint64(0, true));
  if (offset < from || offset + length > size)
    throw new StateError(
      'ERR_STATE_SECTION',
      section,
      `bytes ${offset} to ${offset + length}, expected them from ${from} to ${size}`,
    );
  const window = windows[0]!.length;
  for (let done = 0; done < length; ) {
    const within = (offset + done) % window;
    const piece = Math.min(length - done, window - within);
    const at = CONTENTS_HEAD + done;
    windows[Math.floor((offset + done) / window)]!.set(payload.subarray(at, at + piece), within);
    done += piece;
  }
  return offset + length;
}
