import { MAX_PAYLOAD, type RecordWriter } from '../../../state/index.ts';
import { PAGE_SIZE, seekData, seekHole } from '../../../sys/index.ts';
import type { Backing } from '../backing/backing.ts';
import { MemoryBacking } from '../backing/memory.ts';
import { CONTENTS, CONTENTS_HEAD, DISK, Disk } from './sections.ts';

/** Data of one record: whole pages. */
const PIECE = Math.floor((MAX_PAYLOAD - CONTENTS_HEAD) / PAGE_SIZE) * PAGE_SIZE;

/** Write what the disk is, and for one in memory what is on it. */
export function saveDisk(
  backing: Backing,
  { serial, writeback }: { serial: Uint8Array; writeback: boolean },
  records: RecordWriter,
): void {
  const bytes = new Uint8Array(Disk.length);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(Disk.size, BigInt(backing.size), true);
  view.setUint32(Disk.blockSize, backing.blockSize, true);
  bytes[Disk.hasContents] = backing.kind === 'memory' ? 1 : 0;
  bytes[Disk.readOnly] = backing.readOnly ? 1 : 0;
  bytes[Disk.writeback] = writeback ? 1 : 0;
  bytes.set(serial, Disk.serial);
  records.write(DISK, bytes);
  if (backing instanceof MemoryBacking) saveContents(backing, records);
}

/** Pages that hold anything but zeroes: those that were only read take memory too. */
function saveContents({ memory, windows, size }: MemoryBacking, records: RecordWriter): void {
  const head = new Uint8Array(CONTENTS_HEAD);
  const view = new DataView(head.buffer);
  const window = windows[0]!.length;
  for (let from = seekData(memory, 0); from !== undefined && from < size; from = seekData(memory, from)) {
    const hole = Math.min(size, seekHole(memory, from) ?? size);
    while (from < hole) {
      const within = from % window;
      const bytes = windows[Math.floor(from / window)]!;
      const length = dataLength(bytes, within, Math.min(PIECE, hole - from, window - within));
      view.setBigUint64(0, BigInt(from), true);
      if (length > 0) records.write(CONTENTS, head, bytes.subarray(within, within + length));
      from += length > 0 ? length : PAGE_SIZE;
    }
    if (from >= size) return;
  }
}

const ZEROES = Buffer.alloc(PAGE_SIZE);

/** Bytes from `start` on, at most `most`, up to the first page of zeroes. */
function dataLength(bytes: Uint8Array, start: number, most: number): number {
  let length = 0;
  while (length < most && ZEROES.compare(bytes, start + length, start + length + PAGE_SIZE) !== 0)
    length += PAGE_SIZE;
  return length;
}
