/** Documents of many hosts: a folder, a file with one on each line, or the types below a parent in sysfs. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import * as z from 'zod';
import { asError, FerryError } from '../errors.ts';
import { DiscoverError } from './errors.ts';
import { type Discovered, type Origin, readFound } from './found.ts';
import { MAX_DOCUMENT_BYTES, MAX_ID, MAX_INVENTORY, MAX_LABELS, MAX_LINE } from './limits.ts';
import { linesOf } from './lines.ts';
import { memberTexts } from './members.ts';
import { readParent } from './sysfs/tree.ts';
import { TYPES } from './sysfs/type.ts';
import { chunksOf, decodeText, excerpt, openRegular, readFailure, readText } from './text.ts';

/** One implementation of an inventory, or why it cannot be used. */
export type InventoryEntry = {
  /** What it is called in answers: its `id`, else the name of its file without `.json`, else file and line. */
  readonly id: string;
  /** For people: where its document is. */
  readonly where: string;
} & (
  | {
      readonly labels: readonly string[];
      /** How much the operator prefers it; undefined where the inventory does not say. */
      readonly weight: number | undefined;
      readonly discovered: Discovered;
    }
  | { readonly error: FerryError }
);

export interface InventoryOptions {
  readonly signal?: AbortSignal | undefined;
  /** In place of stdin. */
  readonly input?: Readable | undefined;
}

/** Names of files that have one document on each line. */
const LINES = /\.(?:ndjson|jsonl)$/;

/**
 * The implementations of an inventory, one after the other; one that is bad is an entry that says so. `where` is
 *
 * - a folder: each `*.json` in it is one, each line of an `*.ndjson` or `*.jsonl` as well, in order of their names;
 * - a file with one on each line, or `-` for stdin;
 * - a folder of sysfs with `mdev_supported_types`: each type is one.
 *
 * One implementation is a document, or `{"id": "host7", "info": document, "labels": […], "weight": n, "where": "…"}`, of
 * which only `info` has to be there.
 *
 * @throws DiscoverError where the inventory itself cannot be read
 */
export async function* readInventory(
  where: string,
  options: InventoryOptions = {},
): AsyncGenerator<InventoryEntry> {
  const ids = new Map<string, string>();
  for await (const entry of entriesOf(where, options)) {
    options.signal?.throwIfAborted();
    const before = ids.get(entry.id);
    if (ids.size >= MAX_INVENTORY)
      throw new DiscoverError('ERR_DISCOVER_SIZE', `${where} has more than ${MAX_INVENTORY} implementations`);
    if (before === undefined || 'error' in entry) yield entry;
    else
      yield {
        id: entry.id,
        where: entry.where,
        error: wrong(entry.where, `${excerpt(entry.id)} is the id of ${before} already`),
      };
    if (before === undefined) ids.set(entry.id, entry.where);
  }
}

async function* entriesOf(
  where: string,
  { signal, input = process.stdin }: InventoryOptions,
): AsyncGenerator<InventoryEntry> {
  if (where === '-') return yield* fromLines(bytesOf(input), 'stdin', { kind: 'stdin' });
  const status = await stat(where).catch((cause) => {
    throw readFailure(where, cause);
  });
  if (!status.isDirectory()) return yield* fromLinesFile(where);
  const names = (await readdir(where)).sort();
  if (names.includes(TYPES)) return yield* fromTypes(where, signal);
  for (const name of names) {
    const path = join(where, name);
    if (LINES.test(name)) yield* fromLinesFile(path);
    else if (name.endsWith('.json') && !name.startsWith('.')) yield await fromFile(path, name.slice(0, -5));
  }
}

async function fromFile(path: string, id: string): Promise<InventoryEntry> {
  try {
    const text = await readText(path, MAX_LINE);
    return readEntry(text, id, path, { kind: 'file', path });
  } catch (error) {
    return { id, where: path, error: expected(error) };
  }
}

async function* fromLinesFile(path: string): AsyncGenerator<InventoryEntry> {
  await using file = await openRegular(path);
  yield* fromLines(chunksOf(file, path), path, { kind: 'file', path });
}

async function* fromLines(
  chunks: AsyncIterable<Buffer>,
  name: string,
  from: Origin,
): AsyncGenerator<InventoryEntry> {
  for await (const { number, bytes } of linesOf(chunks, MAX_LINE)) {
    const where = `${name}:${number}`;
    if (bytes === undefined) {
      const found = `${where} has more than ${MAX_LINE} bytes, the most that is taken`;
      yield { id: where, where, error: new DiscoverError('ERR_DISCOVER_SIZE', found) };
      continue;
    }
    try {
      const text = decodeText(bytes, where);
      if (text.trim() !== '') yield readEntry(text, where, where, from);
    } catch (error) {
      yield { id: where, where, error: expected(error) };
    }
  }
}

async function* fromTypes(parent: string, signal: AbortSignal | undefined): AsyncGenerator<InventoryEntry> {
  for await (const entry of readParent(parent, { signal })) {
    const { kind, id, path: where } = entry;
    if (kind !== 'type') return;
    yield 'error' in entry
      ? { id, where, error: entry.error }
      : { id, where, labels: [], weight: undefined, discovered: entry.discovered };
  }
}

/** What an entry has beside its document. */
const BESIDE = z.object({
  id: z.string().min(1).max(MAX_ID).optional(),
  labels: z.array(z.string().max(MAX_ID)).max(MAX_LABELS).optional(),
  weight: z.number().optional(),
  where: z.string().min(1).max(MAX_ID).optional(),
});

/** One implementation from its text. What is wrong with it is in the entry, under its own id where that can be read. */
export function readEntry(text: string, name: string, place: string, from: Origin): InventoryEntry {
  const members = memberTexts(text);
  const info = members?.get('info');
  if (members === undefined || info === undefined) return documentEntry(text, { id: name, place, from });
  const beside = BESIDE.safeParse(besideOf(members));
  if (!beside.success) {
    const [issue] = beside.error.issues;
    const found = `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`;
    return { id: name, where: place, error: wrong(place, found) };
  }
  return documentEntry(info, { place, from, ...beside.data, id: beside.data.id ?? name });
}

interface Beside extends z.infer<typeof BESIDE> {
  readonly id: string;
  readonly place: string;
  readonly from: Origin;
}

function documentEntry(
  text: string,
  { id, place, from, where = place, labels = [], weight }: Beside,
): InventoryEntry {
  try {
    if (text.length > MAX_DOCUMENT_BYTES)
      throw new DiscoverError(
        'ERR_DISCOVER_SIZE',
        `${place} has a document of more than ${MAX_DOCUMENT_BYTES} bytes`,
      );
    return { id, where, labels, weight, discovered: readFound({ where: place, from, text }) };
  } catch (error) {
    return { id, where, error: expected(error) };
  }
}

/** The members that are known, as values; one that is no JSON is left as what it is, which its check refuses. */
function besideOf(members: ReadonlyMap<string, string>): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const name of ['id', 'labels', 'weight', 'where']) {
    const text = members.get(name);
    if (text !== undefined) values[name] = parsed(text);
  }
  return values;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // Refused by the check of what it should be
  }
}

async function* bytesOf(stream: Readable): AsyncGenerator<Buffer> {
  for await (const chunk of stream) yield Buffer.from(chunk);
}

function wrong(where: string, found: string): DiscoverError {
  return new DiscoverError('ERR_DISCOVER_ENTRY', `${where} is no entry of an inventory: ${found}`);
}

/** What is part of the work here; everything else goes on. */
function expected(error: unknown): FerryError {
  if (error instanceof FerryError) return error;
  throw asError(error);
}
