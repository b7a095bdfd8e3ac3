/** Documents of many hosts: a folder, a file with one on each line, or the types below a parent in sysfs. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { addAbortSignal, type Readable } from 'node:stream';
import * as z from 'zod';
import { type ReadInfo, readInfo } from '../compat/index.ts';
import { asError, FerryError } from '../errors.ts';
import { DiscoverError } from './errors.ts';
import { type Discovered, type Origin, readFound } from './found.ts';
import {
  MAX_DOCUMENT_BYTES,
  MAX_ID,
  MAX_INVENTORY,
  MAX_LABELS,
  MAX_LINE,
  MAX_REMEMBERED,
  REMEMBERED,
} from './limits.ts';
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
  let count = 0;
  for await (const entry of entriesOf(where, options)) {
    options.signal?.throwIfAborted();
    if (++count > MAX_INVENTORY)
      throw new DiscoverError('ERR_DISCOVER_SIZE', `${where} has more than ${MAX_INVENTORY} implementations`);
    const { id, where: place } = entry;
    const before = ids.get(id);
    if ('error' in entry) yield entry;
    else if (before !== undefined)
      yield { id, where: place, error: wrong(place, `${excerpt(id)} is the id of ${before} already`) };
    else {
      ids.set(id, place);
      yield entry;
    }
  }
}

/** Reads documents for one inventory: hosts of one kind have the same text, which is read once. */
type Read = (text: string) => ReadInfo;

function remembering(): Read {
  const known = new Map<string, ReadInfo>();
  return (text) => {
    const before = known.get(text);
    if (before !== undefined) return before;
    const read = readInfo(text);
    for (const oldest of known.keys()) if (known.size >= REMEMBERED) known.delete(oldest);
    known.set(text, read);
    return read;
  };
}

async function* entriesOf(
  where: string,
  { signal, input = process.stdin }: InventoryOptions,
): AsyncGenerator<InventoryEntry> {
  const read = remembering();
  if (where === '-') return yield* fromLines(bytesOf(input, signal), 'stdin', { kind: 'stdin' }, read);
  const status = await stat(where).catch((cause) => {
    throw readFailure(where, cause);
  });
  if (!status.isDirectory()) return yield* fromLinesFile(where, read);
  const names = (await readdir(where)).sort();
  if (names.includes(TYPES)) return yield* fromTypes(where, signal);
  for (const name of names) {
    const path = join(where, name);
    if (LINES.test(name)) yield* orError(path, fromLinesFile(path, read));
    else if (name.endsWith('.json') && !name.startsWith('.'))
      yield await fromFile(path, name.slice(0, -5), read);
  }
}

async function fromFile(path: string, id: string, read: Read): Promise<InventoryEntry> {
  try {
    const text = await readText(path, MAX_LINE);
    return readEntry(text, { id, place: path, from: { kind: 'file', path } }, read);
  } catch (error) {
    return { id, where: path, error: expected(error) };
  }
}

async function* fromLinesFile(path: string, read: Read): AsyncGenerator<InventoryEntry> {
  const { file } = await openRegular(path);
  await using _file = file;
  yield* fromLines(chunksOf(file, path), path, { kind: 'file', path }, read);
}

async function* fromLines(
  chunks: AsyncIterable<Buffer>,
  name: string,
  from: Origin,
  read: Read,
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
      if (text.trim() !== '') yield readEntry(text, { id: where, place: where, from }, read);
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

/** Where an entry stands, and what it is called where it does not say. */
interface Place {
  readonly id: string;
  readonly place: string;
  readonly from: Origin;
}

/** One implementation from its text. What is wrong with it is in the entry, under its own id where that can be read. */
export function readEntry(text: string, at: Place, read: Read = readInfo): InventoryEntry {
  const members = memberTexts(text);
  const info = members?.get('info');
  const by = text.length > MAX_REMEMBERED ? readInfo : read;
  if (members === undefined || info === undefined || members.has('models'))
    return documentEntry(text, at, {}, by);
  const beside = BESIDE.safeParse(besideOf(members));
  if (beside.success) return documentEntry(info, at, beside.data, by);
  const [issue] = beside.error.issues;
  const found = `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`;
  return { id: at.id, where: at.place, error: wrong(at.place, found) };
}

function documentEntry(
  text: string,
  { place, from, id: name }: Place,
  { id = name, where = place, labels = [], weight }: z.infer<typeof BESIDE>,
  read: Read,
): InventoryEntry {
  try {
    if (text.length > MAX_DOCUMENT_BYTES)
      throw new DiscoverError(
        'ERR_DISCOVER_SIZE',
        `${place} has a document of more than ${MAX_DOCUMENT_BYTES} bytes`,
      );
    return { id, where, labels, weight, discovered: readFound({ where: place, from, text }, read) };
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

async function* bytesOf(stream: Readable, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
  if (signal !== undefined) addAbortSignal(signal, stream);
  try {
    for await (const chunk of stream) yield Buffer.from(chunk);
  } catch (cause) {
    signal?.throwIfAborted();
    throw readFailure('stdin', cause);
  }
}

/** One file of several: where it cannot be read, or not to its end, that is an entry. */
async function* orError(
  path: string,
  entries: AsyncIterable<InventoryEntry>,
): AsyncGenerator<InventoryEntry> {
  try {
    yield* entries;
  } catch (error) {
    yield { id: path, where: path, error: expected(error) };
  }
}

function wrong(where: string, found: string): DiscoverError {
  return new DiscoverError('ERR_DISCOVER_ENTRY', `${where} is no entry of an inventory: ${found}`);
}

/** What is part of the work here; everything else goes on. */
function expected(error: unknown): FerryError {
  if (error instanceof FerryError) return error;
  throw asError(error);
}
