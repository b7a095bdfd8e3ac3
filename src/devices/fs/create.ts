import { fsConfig } from './config.ts';
import { ContentStore } from './contents/store.ts';
import { FsDevice } from './device.ts';
import { fillFromDirectory } from './from-directory.ts';
import { limitsFor } from './limits.ts';
import { fsOptions } from './options.ts';
import { FileSystem } from './tree/file-system.ts';

/**
 * Make an fs device from plain options: `memory` in bytes, and optionally `tag`, `from`, `requestQueues`, `locks`.
 * Throws `ERR_FS_OPTIONS` for bad ones, `SystemError` where the memory cannot be had, and what `fillFromDirectory` throws.
 */
export function createFsDevice(given: unknown): FsDevice {
  const options = fsOptions(given);
  const { memory, from, tag, requestQueues } = options;
  const config = tag === undefined ? undefined : fsConfig(tag, requestQueues);
  const fileSystem = FileSystem.create(new ContentStore(memory), limitsFor(memory));
  try {
    if (from !== undefined) fillFromDirectory(fileSystem, from);
    return new FsDevice(fileSystem, { ...options, config });
  } catch (error) {
    fileSystem[Symbol.dispose]();
    throw error;
  }
}
