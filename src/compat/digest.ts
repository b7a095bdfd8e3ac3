import { createHash } from 'node:crypto';
import { formatList, type MigrationList } from './list.ts';
import { compareBytes } from './value.ts';
import type { Reason } from './verdict.ts';

/**
 * SHA-256, as hex, of what `list` says (condition 7). The version is part of it only where nothing else says what the
 * device is, in a list without parameters: a device made by parameters equals one made by the profile that says the same.
 */
export function listDigest(list: MigrationList): string {
  return createHash('sha256')
    .update(formatList(list.parameters.size === 0 ? list : { ...list, version: undefined }))
    .digest('hex');
}

/**
 * What speaks against loading the state of a device with the list `theirs` into one with the list `ours`: each parameter
 * that differs. Nothing where both say the same, by whichever of version and parameters. A parameter that only one of
 * the two implementations can switch off may be in one list alone and mean the same: `check` of `theirs` says that.
 */
export function compareActive(
  theirs: MigrationList,
  ours: MigrationList,
  where?: string,
): Reason<'digest'>[] {
  const differ = (what: string, have?: string, want?: string, parameter?: string): Reason<'digest'> => ({
    code: 'digest',
    answer: 'no',
    ...(parameter === undefined ? {} : { parameter }),
    ...(have === undefined ? {} : { have }),
    ...(want === undefined ? {} : { want }),
    ...(where === undefined ? {} : { where }),
    message: `${what} is ${have ?? 'not in effect'} at the source and ${want ?? 'not in effect'} here`,
  });
  if (theirs.model !== ours.model) return [differ('The device model', theirs.model, ours.model)];
  const [have, want] = [theirs.parameters, ours.parameters];
  const names = [...new Set([...have.keys(), ...want.keys()])].sort(compareBytes);
  const reasons = names
    .filter((name) => have.get(name) !== want.get(name))
    .map((name) => differ(name, have.get(name), want.get(name), name));
  const versionsTell =
    have.size + want.size === 0 && theirs.version !== undefined && ours.version !== undefined;
  return versionsTell && theirs.version !== ours.version
    ? [differ('The version', theirs.version, ours.version)]
    : reasons;
}
