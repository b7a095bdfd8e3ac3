import type { MigrationInfo } from '../../compat/index.ts';
import { readInventory } from '../../discover/index.ts';
import { FerryError } from '../../errors.ts';
import { count, type Show, table } from './table.ts';
import type { Asking } from './where.ts';

/** What `--among` takes. */
export const INVENTORY =
  'an inventory: a folder of documents, or a file of them, a line of JSON each (.ndjson)';

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
  { signal }: Asking,
  labels: readonly string[] = [],
): Promise<{ members: Member[]; unreadable: UnreadableDocument[] }> {
  const members: Member[] = [];
  const unreadable: UnreadableDocument[] = [];
  let others = 0;
  for await (const entry of readInventory(among, { signal })) {
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

/** What is said of members that could not be read. */
export function unreadableLines(unreadable: readonly UnreadableDocument[], show: Show): string[] {
  if (unreadable.length === 0) return [];
  const rows = unreadable.map(({ id, error }) => [id, error.message]);
  return [`${count(unreadable.length, 'member')} of the inventory cannot be read:`, ...table(rows, show)];
}
