import { FerryError } from '../../errors.ts';
import { MAX_REQUEST_QUEUES } from './limits.ts';
import type { FsDeviceSettings } from './serving/fuse-device.ts';

/** What an fs device is started with. Plain data: it travels to the device's thread. */
export interface FsOptions {
  /** Bytes that the contents of all files can have together. */
  readonly memory: number;
  /** A directory that the file system is filled from. */
  readonly from?: string;
  /**
   * The name that a guest mounts it by. Left out where the front end gives the guest one, as QEMU does: there is no
   * configuration space then.
   */
  readonly tag?: string;
  readonly requestQueues: number;
  readonly locks: FsDeviceSettings['locks'];
}

const FEWEST_BYTES = 65536;

function refuse(option: string, expected: string, found: unknown): FerryError {
  return new FerryError(
    'ERR_FS_OPTIONS',
    `Option ${option} is ${JSON.stringify(found)}, expected ${expected}`,
  );
}

/** Check what `createFsDevice` was given and fill in what is left out. Throws `ERR_FS_OPTIONS` naming the option. */
export function fsOptions(given: unknown): FsOptions {
  if (typeof given !== 'object' || given === null) throw refuse('list', 'an object', given);
  const options = new Map<string, unknown>(Object.entries(given));
  const memory = options.get('memory');
  if (typeof memory !== 'number' || !Number.isSafeInteger(memory) || memory < FEWEST_BYTES)
    throw refuse('memory', `a number of bytes, at least ${FEWEST_BYTES}`, memory);
  const from = options.get('from');
  if (from !== undefined && typeof from !== 'string') throw refuse('from', 'a path', from);
  const tag = options.get('tag');
  if (tag !== undefined && typeof tag !== 'string') throw refuse('tag', 'a string', tag);
  const requestQueues = options.get('requestQueues') ?? 1;
  if (
    typeof requestQueues !== 'number' ||
    !Number.isInteger(requestQueues) ||
    requestQueues < 1 ||
    requestQueues > MAX_REQUEST_QUEUES
  )
    throw refuse('requestQueues', `a number from 1 to ${MAX_REQUEST_QUEUES}`, requestQueues);
  const locks = options.get('locks') ?? 'guest';
  if (locks !== 'guest' && locks !== 'device') throw refuse('locks', '"guest" or "device"', locks);
  return {
    memory,
    requestQueues,
    locks,
    ...(from !== undefined && { from }),
    ...(tag !== undefined && { tag }),
  };
}
