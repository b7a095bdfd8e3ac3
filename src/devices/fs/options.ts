import { FerryError } from '../../errors.ts';
import { FUSE_MINOR, FUSE_MINOR_OLDEST } from '../../fuse/index.ts';
import { FEWEST_MEMORY, MAX_REQUEST_QUEUES, MOST_MEMORY } from './limits.ts';
import { FUSE_FEATURES, LOCK_KEEPERS, type LockKeeper } from './serving/features.ts';

/** What an fs device is started with, whatever its files are kept in. */
export interface CommonOptions {
  /**
   * The name that a guest mounts it by. Left out where the front end gives the guest one, as QEMU does: there is no
   * configuration space then.
   */
  readonly tag?: string;
  readonly requestQueues: number;
  readonly locks: LockKeeper;
  /** The latest minor version of FUSE 7 that is spoken with the guest. */
  readonly fuseMinor: number;
  /** Features of FUSE that the guest is not offered: names of migration parameters, such as `fuse-readdirplus`. */
  readonly withoutFeatures: readonly string[];
}

/** What an fs device with its files in memory is started with. Plain data: it travels to the device's thread. */
export interface FsOptions extends CommonOptions {
  /** Bytes that the contents of all files can have together. */
  readonly memory: number;
  /** A directory that the file system is filled from. */
  readonly from?: string;
}

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
  const requestQueues = numberFrom('requestQueues', 1, MAX_REQUEST_QUEUES, options.get('requestQueues') ?? 1);
  const fuseMinor = numberFrom(
    'fuseMinor',
    FUSE_MINOR_OLDEST,
    FUSE_MINOR,
    options.get('fuseMinor') ?? FUSE_MINOR,
  );
  const withoutFeatures = options.get('withoutFeatures') ?? [];
  if (!isFeatures(withoutFeatures))
    throw refuseOption('withoutFeatures', 'names of features', withoutFeatures);
  const locks = oneOf('locks', LOCK_KEEPERS, options.get('locks') ?? 'guest');
  return {
    options,
    common: { requestQueues, locks, fuseMinor, withoutFeatures, ...(tag !== undefined && { tag }) },
  };
}

function numberFrom(option: string, least: number, most: number, found: unknown): number {
  if (typeof found === 'number' && Number.isInteger(found) && found >= least && found <= most) return found;
  throw refuseOption(option, `a number from ${least} to ${most}`, found);
}

function isFeatures(found: unknown): found is readonly string[] {
  return Array.isArray(found) && found.every((one) => FUSE_FEATURES.some(({ name }) => name === one));
}

/** Check what `createFsDevice` was given and fill in what is left out. Throws `ERR_FS_OPTIONS` naming the option. */
export function fsOptions(given: unknown): FsOptions {
  const { options, common } = commonOptions(given);
  const memory = options.get('memory');
  if (
    typeof memory !== 'number' ||
    !Number.isInteger(memory) ||
    memory < FEWEST_MEMORY ||
    memory > MOST_MEMORY
  )
    throw refuseOption(
      'memory',
      `a number of bytes, at least ${FEWEST_MEMORY}, at most ${MOST_MEMORY}`,
      memory,
    );
  const from = options.get('from');
  if (from !== undefined && typeof from !== 'string') throw refuseOption('from', 'a path', from);
  return { ...common, memory, ...(from !== undefined && { from }) };
}
