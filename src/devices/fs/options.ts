import { FerryError } from '../../errors.ts';
import { MAX_REQUEST_QUEUES } from './limits.ts';
import type { FsDeviceSettings } from './serving/fuse-device.ts';

/** What an fs device is started with, whatever its files are kept in. */
export interface CommonOptions {
  /**
   * The name that a guest mounts it by. Left out where the front end gives the guest one, as QEMU does: there is no
   * configuration space then.
   */
  readonly tag?: string;
  readonly requestQueues: number;
  readonly locks: FsDeviceSettings['locks'];
}

/** What an fs device with its files in memory is started with. Plain data: it travels to the device's thread. */
export interface FsOptions extends CommonOptions {
  /** Bytes that the contents of all files can have together. */
  readonly memory: number;
  /** A directory that the file system is filled from. */
  readonly from?: string;
}

const FEWEST_BYTES = 65536;

/** The error that says what an option is and what it should be. */
export function refuseOption(option: string, expected: string, found: unknown): FerryError {
  return new FerryError(
    'ERR_FS_OPTIONS',
    `Option ${option} is ${JSON.stringify(found)}, expected ${expected}`,
  );
}

/** `found`, if it is one of `names`. Throws `ERR_FS_OPTIONS` naming the option. */
export function oneOf<N extends string>(option: string, names: readonly N[], found: unknown): N {
  const name = names.find((each) => each === found);
  if (name !== undefined) return name;
  throw refuseOption(option, names.map((each) => `"${each}"`).join(' or '), found);
}

/** The options in `given` by name, and those that every fs device has. Throws `ERR_FS_OPTIONS` naming the option. */
export function commonOptions(given: unknown): { options: Map<string, unknown>; common: CommonOptions } {
  if (typeof given !== 'object' || given === null) throw refuseOption('list', 'an object', given);
  const options = new Map<string, unknown>(Object.entries(given));
  const tag = options.get('tag');
  if (tag !== undefined && typeof tag !== 'string') throw refuseOption('tag', 'a string', tag);
  const requestQueues = options.get('requestQueues') ?? 1;
  if (
    typeof requestQueues !== 'number' ||
    !Number.isInteger(requestQueues) ||
    requestQueues < 1 ||
    requestQueues > MAX_REQUEST_QUEUES
  )
    throw refuseOption('requestQueues', `a number from 1 to ${MAX_REQUEST_QUEUES}`, requestQueues);
  const locks = oneOf('locks', ['guest', 'device'], options.get('locks') ?? 'guest');
  return { options, common: { requestQueues, locks, ...(tag !== undefined && { tag }) } };
}

/** Check what `createFsDevice` was given and fill in what is left out. Throws `ERR_FS_OPTIONS` naming the option. */
export function fsOptions(given: unknown): FsOptions {
  const { options, common } = commonOptions(given);
  const memory = options.get('memory');
  if (typeof memory !== 'number' || !Number.isSafeInteger(memory) || memory < FEWEST_BYTES)
    throw refuseOption('memory', `a number of bytes, at least ${FEWEST_BYTES}`, memory);
  const from = options.get('from');
  if (from !== undefined && typeof from !== 'string') throw refuseOption('from', 'a path', from);
  return { ...common, memory, ...(from !== undefined && { from }) };
}
