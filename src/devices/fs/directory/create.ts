import { ownFileMask, raiseDescriptorLimit, ThreadCredentials } from '../../../sys/index.ts';
import { fsConfig } from '../config.ts';
import { DescriptorBudget } from './budget.ts';
import { cachePolicies } from './cache.ts';
import { DirectoryFsDevice } from './device.ts';
import { directoryFsOptions } from './options.ts';
import { Share } from './share.ts';

/**
 * Make a device that shares a directory of this host, from plain options: `directory`, and optionally `cache`, `readOnly`,
 * `identity`, `onMismatch`, `tag`, `requestQueues`, `locks`. From then on the calling thread makes files with exactly the
 * modes that the guest asks for (where a thread may have a mask of its own), and without supplementary groups.
 *
 * As root, what a guest's user makes belongs to that user and group, by number, and the host's kernel decides on setgid
 * and the like as for that user; changes of owner and mode are made as asked, device nodes too. As anybody else,
 * everything belongs to the user of this process, whoever asks; changing an owner answers EPERM, and what the user may not
 * do on the host answers EACCES or EPERM.
 *
 * Throws `ERR_FS_OPTIONS` for bad options, `ERR_FS_DIRECTORY` where the directory cannot be shared.
 */
export function createDirectoryFsDevice(given: unknown): DirectoryFsDevice {
  const options = directoryFsOptions(given);
  const { directory, cache, tag, requestQueues } = options;
  const config = tag === undefined ? undefined : fsConfig(tag, requestQueues);
  const budget = new DescriptorBudget(raiseDescriptorLimit());
  const ownMask = ownFileMask();
  const share = Share.open({
    path: directory,
    budget,
    credentials: new ThreadCredentials(),
    cache: cachePolicies[cache],
  });
  try {
    return new DirectoryFsDevice(share, { ...options, config, ownMask });
  } catch (error) {
    share[Symbol.dispose]();
    throw error;
  }
}
