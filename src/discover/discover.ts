/** The first step of every question of compatibility: the document, from wherever it can be had. */
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { findProgram } from '../launch/index.ts';
import type { DocumentCache } from './cache.ts';
import { fromControl } from './control.ts';
import { DiscoverError } from './errors.ts';
import { type Discovered, type Found, readFound } from './found.ts';
import { MAX_DOCUMENT_BYTES } from './limits.ts';
import { type Argv, fromProgram, type ProgramOptions } from './program.ts';
import type { AttributeFiles } from './sysfs/files.ts';
import { fromSysfs } from './sysfs/tree.ts';
import { kindOf, readFailure, readStream, readText } from './text.ts';

/**
 * Where a document comes from: a program with its own arguments; or a text, which is a document's file, a program's file
 * or name, a folder of sysfs, the control socket of a running device, or `-` for stdin.
 */
export type Where = string | Argv;

export interface DiscoverOptions extends ProgramOptions {
  /** A program's own arguments, where it is given by its name or file alone. */
  readonly arguments?: readonly string[] | undefined;
  /** Documents of programs that were read before. */
  readonly cache?: DocumentCache | undefined;
  /** Read anew what the cache has, as right before a device is made: `changed` says whether it had something else. */
  readonly fresh?: boolean | undefined;
  /** A digest of the host's hardware, where programs look at it: part of what cached documents depend on. */
  readonly inventory?: string | undefined;
  /** In place of stdin. */
  readonly input?: Readable | undefined;
  /** In place of this host's sysfs. */
  readonly files?: AttributeFiles | undefined;
}

/**
 * Finds a document and reads it; for a device that exists, with what it has now.
 *
 * @throws DiscoverError saying what was found instead; DocumentError where the document has errors
 */
export async function discover(where: Where, options: DiscoverOptions = {}): Promise<Discovered> {
  return readFound(await findDocument(where, options));
}

/** Finds a document without reading it: its text, whatever is in it. */
export async function findDocument(where: Where, options: DiscoverOptions = {}): Promise<Found> {
  options.signal?.throwIfAborted();
  if (typeof where !== 'string') return fromArgv(where, options);
  if (where === '-') return fromStdin(options);
  switch (await kindOfPlace(where)) {
    case 'file':
      return fromFile(where);
    case 'program':
      return fromArgv([resolve(where), ...(options.arguments ?? [])], options);
    case 'command':
      return fromArgv([where, ...(options.arguments ?? [])], options);
    case 'folder':
      return fromSysfs(where, options.files);
    case 'socket':
      return fromControl(where, options);
  }
}

type Kind = 'file' | 'program' | 'command' | 'folder' | 'socket';

async function kindOfPlace(where: string): Promise<Kind> {
  const status = await stat(where).catch((cause) => {
    const failure = readFailure(where, cause);
    if (failure.code !== 'ERR_DISCOVER_MISSING') throw failure;
  });
  if (status === undefined) {
    if (!where.includes('/') && findProgram(where) !== undefined) return 'command';
    const expected = 'a document, a program, a control socket or a folder of sysfs';
    throw new DiscoverError('ERR_DISCOVER_MISSING', `There is no ${where}; expected ${expected}`);
  }
  if (status.isDirectory()) return 'folder';
  if (status.isSocket()) return 'socket';
  if (!status.isFile())
    throw new DiscoverError(
      'ERR_DISCOVER_KIND',
      `${where} is ${kindOf(status)}; give it to stdin and name -`,
    );
  return where.endsWith('.json') || !(await isExecutable(where)) ? 'file' : 'program';
}

function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function fromFile(path: string): Promise<Found> {
  return { where: path, from: { kind: 'file', path }, text: await readText(path, MAX_DOCUMENT_BYTES) };
}

async function fromStdin({ input = process.stdin, signal, deadline }: DiscoverOptions): Promise<Found> {
  const bounds = { ...(signal && { signal }), ...(deadline !== undefined && { deadline }) };
  const text = await readStream(input, MAX_DOCUMENT_BYTES, bounds);
  return { where: 'stdin', from: { kind: 'stdin' }, text };
}

function fromArgv(argv: Argv, options: DiscoverOptions): Promise<Found> {
  return options.cache === undefined ? fromProgram(argv, options) : options.cache.document(argv, options);
}
