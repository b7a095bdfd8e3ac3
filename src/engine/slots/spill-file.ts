import { randomUUID } from 'node:crypto';
import { constants, openSync, statfsSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { asError } from '../../errors.ts';
import { allocateFile, Errno, errnoName, Fd, readToAddress, writeFromAddressAt } from '../../sys/index.ts';
import { SlotError } from './errors.ts';
import { SLOT_BYTES } from './limits.ts';

/** File systems that keep their files in memory, by the magic numbers of statfs(2). */
const IN_MEMORY: ReadonlyMap<number, string> = new Map([
  [0x01021994, 'tmpfs'],
  [0x858458f6, 'ramfs'],
  [0x958458f6, 'hugetlbfs'],
]);

const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;
const O_CLOEXEC = 0o2000000;
const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;

/** How other threads reach a spill file. Plain data. */
export interface SpillStart {
  /** Number of the descriptor. */
  readonly file: number;
  readonly folder: string;
  /** Bytes that may be in it. */
  readonly limit: number;
}

/**
 * A new file without a name in `folder`, gone when its descriptor is closed. Throws `ERR_SPILL` where it cannot be had, or
 * would lie in memory.
 */
export function openSpillFile(folder: string): Fd {
  const file = new Fd(openUnnamed(folder), `spill file in ${folder}`);
  try {
    const { type } = statfsSync(`/proc/self/fd/${file.number}`);
    const kind = IN_MEMORY.get(type);
    if (kind === undefined) return file;
    throw new SlotError(
      'ERR_SPILL',
      `${folder} is on a ${kind}, which is memory: what is spilled has to go to a disk`,
    );
  } catch (error) {
    file[Symbol.dispose]();
    throw error;
  }
}

function openUnnamed(folder: string): number {
  try {
    try {
      return openSync(folder, O_TMPFILE | constants.O_RDWR | O_CLOEXEC, 0o600);
    } catch (error) {
      if (!hasCode(error, 'ENOTSUP') && !hasCode(error, 'EISDIR')) throw error;
      return openAndUnlink(join(folder, `.ferry-spill-${randomUUID()}`));
    }
  } catch (cause) {
    const message = `No spill file can be made in ${folder}: ${asError(cause).message}`;
    throw new SlotError('ERR_SPILL', message, { cause });
  }
}

/** For file systems that have no files without a name. */
function openAndUnlink(path: string): number {
  const { O_RDWR, O_CREAT, O_EXCL } = constants;
  const file = openSync(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600);
  unlinkSync(path);
  return file;
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** The spill file in any thread: places of `SLOT_BYTES`, of which only what was written takes space. Calls may block. */
export class SpillFile {
  readonly #start: SpillStart;

  constructor(start: SpillStart) {
    this.#start = start;
  }

  get limit(): number {
    return this.#start.limit;
  }

  get folder(): string {
    return this.#start.folder;
  }

  /** Write `length` bytes of memory at `address` to a place. Throws `ERR_SPILL`, also where the disk is full. */
  write(place: number, address: number, length: number): void {
    this.#move('write', length, (done) =>
      writeFromAddressAt(this.#start.file, address + done, length - done, place * SLOT_BYTES + done, false),
    );
  }

  /** Read what was written to a place to memory at `address`, and give the space back. Throws `ERR_SPILL`. */
  read(place: number, address: number, length: number): void {
    const { file } = this.#start;
    const offset = place * SLOT_BYTES;
    this.#move('read', length, (done) => readToAddress(file, address + done, length - done, offset + done));
    if (length === 0) return;
    const result = allocateFile(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, SLOT_BYTES);
    if (result < 0 && result !== -Errno.EOPNOTSUPP) throw this.#error('give back', length, result);
  }

  #move(what: string, length: number, call: (done: number) => number): void {
    for (let done = 0; done < length; ) {
      const result = call(done);
      if (result === -Errno.EINTR) continue;
      if (result <= 0) throw this.#error(what, length - done, result);
      done += result;
    }
  }

  #error(what: string, length: number, result: number): SlotError {
    const why = result === 0 ? 'the file has ended' : errnoName(-result);
    return new SlotError(
      'ERR_SPILL',
      `The spill file in ${this.folder} did not ${what} ${length} bytes: ${why}. Up to ${this.limit} bytes may be needed there`,
    );
  }
}
