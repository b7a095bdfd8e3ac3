import { isUtf8 } from 'node:buffer';
import { open, stat } from 'node:fs/promises';
import type { Command } from 'commander';
import { type MigrationList, readList } from '../../compat/index.ts';
import { type Discovered, type DocumentCache, discover } from '../../discover/index.ts';
import { MAX_LIST_FILE } from '../limits.ts';

/** What an argument that names an implementation may be. */
export const WHERE =
  'a migration info document, a program (its own arguments come last, after --), the control socket of a running device, a device in sysfs, or - for stdin';

/** What was found at such a place. */
export type Found = Discovered;

/** One run of a command that asks for documents. */
export interface Asking {
  readonly command: Command;
  /** The words after `--`: arguments of the program that is asked. */
  readonly own: readonly string[];
  readonly signal: AbortSignal;
  /** Documents of programs that were read before (`--cached`). */
  readonly cache: DocumentCache | undefined;
  /** The programs that were asked. */
  readonly programs: string[];
}

/**
 * What is at `where`. Words after `--` go to it where it is a program, and it must be the only one. `fresh`: read anew,
 * whatever was read before.
 */
export async function readWhere(where: string, asking: Asking, fresh = false): Promise<Found> {
  const { command, own, signal, cache, programs } = asking;
  const found = await discover(where, { arguments: [...own], signal, cache, fresh });
  if (found.from.kind !== 'program') return found;
  programs.push(where);
  if (own.length > 0 && programs.length > 1)
    command.error(
      `error: ${programs.join(' and ')} are programs: which of them the arguments after -- belong to is not clear; give one of them as a document`,
    );
  return found;
}

/** The list in the file at `path`, as `ferry compat list` prints it, with or without `--json`; undefined where it is none. */
export async function readListFile(path: string): Promise<MigrationList | undefined> {
  const text = await readSmall(path);
  if (text === undefined) return undefined;
  if (!text.trimStart().startsWith('{')) return readList(text);
  const saved = savedList(text);
  return saved === undefined ? undefined : readList(saved);
}

/** The text of a file that may hold a list. What it cannot be is left to whoever looks for a document there. */
async function readSmall(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  const { size = 0, mode = 0 } = found ?? {};
  if (found?.isFile() !== true || (mode & 0o111) !== 0 || size === 0 || size > MAX_LIST_FILE)
    return undefined;
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(size), 0, size, 0);
  return isUtf8(buffer) ? buffer.toString('utf8', 0, bytesRead) : undefined;
}

/** The text of the list in what `ferry compat list --json` prints. */
function savedList(text: string): string | undefined {
  try {
    const saved: unknown = JSON.parse(text);
    if (!isObject(saved) || !isObject(saved.list) || saved.command !== 'list') return undefined;
    return typeof saved.list.text === 'string' ? saved.list.text : undefined;
  } catch {
    return undefined; // Whoever reads it as a document says what is wrong with it
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
