import { basename } from 'node:path';
import type { MigrationInfo } from '../../compat/index.ts';
import {
  DESCRIPTOR_TYPES,
  descriptorFolders,
  findDescriptors,
  type InventoryEntry,
  readDescriptors,
  readInventory,
} from '../../discover/index.ts';
import { FerryError } from '../../errors.ts';
import { count, type Show, table } from './table.ts';
import type { Asking } from './where.ts';

/** What `--among` takes. */
export const INVENTORY =
  'an inventory: a folder of documents, a file of them, a line of JSON each (.ndjson), or installed[:TYPE] for the back ends that are installed here (vhost-user descriptors), such as installed:fs';

/** In place of an inventory: the back ends that are installed, of one type or of all. */
const INSTALLED = /^installed(?::(.*))?$/;

/** An implementation of an inventory. */
export interface Member {
  readonly id: string;
  readonly where: string;
  readonly info: MigrationInfo;
  readonly weight?: number;
}

/** A member that nothing can be said about. */
export interface UnreadableDocument {
  readonly id: string;
  readonly where: string;
  readonly error: { readonly code: string; readonly message: string };
}

/**
 * The members of an inventory that have all of `labels`, and those whose document cannot be read. Throws
 * `ERR_COMPAT_INVENTORY` where there is nothing to look at.
 */
export async function readMembers(
  among: string,
  asking: Asking,
  labels: readonly string[] = [],
): Promise<{ members: Member[]; unreadable: UnreadableDocument[] }> {
  const members: Member[] = [];
  const unreadable: UnreadableDocument[] = [];
  let others = 0;
  const installed = INSTALLED.exec(among);
  const entries =
    installed === null
      ? readInventory(among, { signal: asking.signal })
      : installedMembers(installed[1], asking);
  for await (const entry of entries) {
    const { id, where } = entry;
    if ('error' in entry) {
      const { code, message } = entry.error;
      unreadable.push({ id, where, error: { code, message } });
    } else if (labels.every((label) => entry.labels.includes(label))) {
      const { weight, discovered } = entry;
      members.push({ id, where, info: discovered.info, ...(weight === undefined ? {} : { weight }) });
    } else others++;
  }
  if (members.length > 0) return { members, unreadable };
  const [first] = unreadable;
  const why =
    first === undefined || others > 0
      ? `${among} holds no document${others > 0 ? ` with the label ${labels.join(' and ')}` : ''}`
      : `Nothing in ${among} can be read: ${first.error.message}`;
  throw new FerryError('ERR_COMPAT_INVENTORY', why);
}

/** A back end that is installed is named by its descriptor. One that offers no document is a member that cannot be read. */
async function* installedMembers(
  text: string | undefined,
  { signal, cache }: Asking,
): AsyncGenerator<InventoryEntry> {
  const type = DESCRIPTOR_TYPES.find((one) => one === text);
  if (text !== undefined && type === undefined)
    throw new FerryError(
      'ERR_COMPAT_INVENTORY',
      `${text} is no type of back end, expected one of ${DESCRIPTOR_TYPES.join(', ')}`,
    );
  const { descriptors, problems } = await findDescriptors({ type });
  if (descriptors.length + problems.length === 0)
    throw new FerryError(
      'ERR_COMPAT_INVENTORY',
      `No back end${type === undefined ? '' : ` of type ${type}`} is installed: there is no descriptor in ${descriptorFolders().join(', ')}`,
    );
  for (const { path, error } of problems) yield { id: basename(path, '.json'), where: path, error };
  for await (const { descriptor, ...found } of readDescriptors(descriptors, { signal, cache })) {
    const id = basename(descriptor.path, '.json');
    if ('error' in found) yield { id, where: descriptor.binary, error: found.error };
    else
      yield {
        id,
        where: descriptor.binary,
        labels: [descriptor.type, ...descriptor.features],
        weight: undefined,
        discovered: found.discovered,
      };
  }
}

/** What is said of members that could not be read. */
export function unreadableLines(unreadable: readonly UnreadableDocument[], show: Show): string[] {
  if (unreadable.length === 0) return [];
  const rows = unreadable.map(({ id, error }) => [id, error.message]);
  return [`${count(unreadable.length, 'member')} of the inventory cannot be read:`, ...table(rows, show)];
}
