import { SERIAL_SIZE } from './constants.ts';
import { BlkError } from './errors.ts';
import { FEWEST_BYTES, LANES, MAX_LANES, MAX_QUEUES, QUEUE_SIZE } from './limits.ts';

/** What a blk device is started with. Plain data: it travels to the device's thread. */
export interface BlkOptions {
  /** A file or block device; exactly one of `path` and `memory` is given. */
  readonly path?: string;
  /** Bytes of a disk in memory, which is gone with the process. */
  readonly memory?: number;
  readonly readOnly: boolean;
  readonly queues: number;
  /** Entries that a queue can have: a power of two. */
  readonly queueSize: number;
  /** What GET_ID answers: at most 20 bytes of ASCII. */
  readonly serial: string;
  /** Whether DISCARD and WRITE_ZEROES are offered. */
  readonly discard: boolean;
  /** Bytes of the smallest unit that the guest may address; chosen by what the image needs where it is left out. */
  readonly blockSize?: number;
  /** Bytes of the unit that is written without being read before. */
  readonly physicalBlockSize?: number;
  /** Past the page cache of this host (O_DIRECT). */
  readonly direct: boolean;
  /** Whether a write is answered when it is in the cache, or on the storage itself. The driver may change it. */
  readonly cache: 'writeback' | 'writethrough';
  /** Threads for calls that may wait for the storage. */
  readonly lanes: number;
}

const BLOCK_SIZES = { fewest: 512, most: 4096 } as const;
const MOST_PHYSICAL = 65536;
const MOST_QUEUE_ENTRIES = 32768;

/** Check what `createBlkDevice` was given and fill in what is left out. Throws `ERR_BLK_OPTIONS` naming the option. */
export function blkOptions(given: unknown): BlkOptions {
  if (typeof given !== 'object' || given === null) throw refuse('list', 'an object', given);
  const options = new Options(given);
  const path = options.optional('path', 'a path', isText);
  const memory = options.optional('memory', `a number of bytes, a multiple of ${FEWEST_BYTES}`, isMemorySize);
  if ((path === undefined) === (memory === undefined))
    throw new BlkError('ERR_BLK_OPTIONS', 'Exactly one of the options path and memory says what is served');
  const blockSize = options.optional(
    'blockSize',
    `a power of two from ${BLOCK_SIZES.fewest} to ${BLOCK_SIZES.most}`,
    powerOfTwo(BLOCK_SIZES.fewest, BLOCK_SIZES.most),
  );
  const physicalBlockSize = options.optional(
    'physicalBlockSize',
    `a power of two from the block size to ${MOST_PHYSICAL}`,
    powerOfTwo(blockSize ?? BLOCK_SIZES.fewest, MOST_PHYSICAL),
  );
  const direct = options.or('direct', false, 'true or false', isFlag);
  if (direct && memory !== undefined) throw refuse('direct', 'false for a disk in memory', direct);
  return {
    ...(path !== undefined && { path }),
    ...(memory !== undefined && { memory }),
    ...(blockSize !== undefined && { blockSize }),
    ...(physicalBlockSize !== undefined && { physicalBlockSize }),
    readOnly: options.or('readOnly', false, 'true or false', isFlag),
    queues: options.or('queues', 1, `a number from 1 to ${MAX_QUEUES}`, whole(1, MAX_QUEUES)),
    queueSize: options.or(
      'queueSize',
      QUEUE_SIZE,
      `a power of two from 4 to ${MOST_QUEUE_ENTRIES}`,
      powerOfTwo(4, MOST_QUEUE_ENTRIES),
    ),
    serial: options.or('serial', 'ferry', `at most ${SERIAL_SIZE} characters of ASCII`, isSerial),
    discard: options.or('discard', true, 'true or false', isFlag),
    direct,
    cache: options.or('cache', 'writeback', '"writeback" or "writethrough"', isCache),
    lanes: options.or('lanes', LANES, `a number from 1 to ${MAX_LANES}`, whole(1, MAX_LANES)),
  };
}

type Check<T> = (value: unknown) => value is T;

/** Options by name, each looked at once. */
class Options {
  readonly #given: ReadonlyMap<string, unknown>;

  constructor(given: object) {
    this.#given = new Map<string, unknown>(Object.entries(given));
  }

  optional<T>(name: string, expected: string, check: Check<T>): T | undefined {
    const value = this.#given.get(name);
    if (value === undefined || check(value)) return value;
    throw refuse(name, expected, value);
  }

  or<T>(name: string, usual: NoInfer<T>, expected: string, check: Check<T>): T {
    return this.optional(name, expected, check) ?? usual;
  }
}

function refuse(option: string, expected: string, found: unknown): BlkError {
  return new BlkError(
    'ERR_BLK_OPTIONS',
    `Option ${option} is ${JSON.stringify(found)}, expected ${expected}`,
  );
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isFlag(value: unknown): value is boolean {
  return typeof value === 'boolean';
}

function isCache(value: unknown): value is BlkOptions['cache'] {
  return value === 'writeback' || value === 'writethrough';
}

function isSerial(value: unknown): value is string {
  return typeof value === 'string' && value.length <= SERIAL_SIZE && /^[\x20-\x7e]*$/.test(value);
}

function isMemorySize(value: unknown): value is number {
  return whole(FEWEST_BYTES, Number.MAX_SAFE_INTEGER)(value) && value % FEWEST_BYTES === 0;
}

function whole(fewest: number, most: number): Check<number> {
  return (value): value is number =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= fewest && value <= most;
}

function powerOfTwo(fewest: number, most: number): Check<number> {
  const isWhole = whole(fewest, most);
  return (value): value is number => isWhole(value) && (value & (value - 1)) === 0;
}
