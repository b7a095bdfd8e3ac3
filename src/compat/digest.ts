import { createHash } from 'node:crypto';
import { formatList, type MigrationList } from './list.ts';

/**
 * SHA-256, as hex, of what `list` says (condition 7). The version is part of it only where nothing else says what the
 * device is, in a list without parameters: a device made by parameters equals one made by the profile that says the same.
 */
export function listDigest(list: MigrationList): string {
  return createHash('sha256')
    .update(formatList(list.parameters.size === 0 ? list : { ...list, version: undefined }))
    .digest('hex');
}
