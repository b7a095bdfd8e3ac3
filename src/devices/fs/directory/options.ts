import { type CommonOptions, commonOptions, oneOf, refuseOption } from '../options.ts';
import { CACHE_NAMES, type CacheName } from './cache.ts';
import { IDENTITIES, type Identity } from './state/identity.ts';
import { ON_MISMATCH, type OnMismatch } from './state/loaded-share.ts';

/** What a device that shares a directory is started with. Plain data: it travels to the device's thread. */
export interface DirectoryFsOptions extends CommonOptions {
  /** The directory of this host that is shared. */
  readonly directory: string;
  /** How long the guest goes by what it was told. */
  readonly cache: CacheName;
  /** Whether the guest may change nothing. */
  readonly readOnly: boolean;
  /** What tells, after a move, that a file is the one that the guest means. */
  readonly identity: Identity;
  /** What happens to the move where a file is not. */
  readonly onMismatch: OnMismatch;
}

/** Check what `createDirectoryFsDevice` was given, fill in what is left out. Throws `ERR_FS_OPTIONS` naming the option. */
export function directoryFsOptions(given: unknown): DirectoryFsOptions {
  const { options, common } = commonOptions(given);
  const directory = options.get('directory');
  if (typeof directory !== 'string' || directory === '') throw refuseOption('directory', 'a path', directory);
  const readOnly = options.get('readOnly') ?? false;
  if (typeof readOnly !== 'boolean') throw refuseOption('readOnly', 'true or false', readOnly);
  return {
    ...common,
    directory,
    readOnly,
    cache: oneOf('cache', CACHE_NAMES, options.get('cache') ?? 'auto'),
    identity: oneOf('identity', IDENTITIES, options.get('identity') ?? 'inode'),
    onMismatch: oneOf('onMismatch', ON_MISMATCH, options.get('onMismatch') ?? 'refuse'),
  };
}
