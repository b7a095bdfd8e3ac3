/** Documents of programs that were read before, for as long as nothing has changed that they may depend on. */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { asError } from '../errors.ts';
import { cacheFolder, findProgram } from '../launch/index.ts';
import type { Found } from './found.ts';
import { MAX_CACHE_AGE, MAX_CACHE_BYTES, MAX_CACHED, MAX_DOCUMENT_BYTES } from './limits.ts';
import { type Argv, fromProgram, type ProgramOptions, wordsOf } from './program.ts';
import { readText } from './text.ts';

export interface CacheOptions extends ProgramOptions {
  /** Read the program anew and say by `changed` whether what was kept is another document. */
  readonly fresh?: boolean | undefined;
  /** A digest of the hardware that documents depend on. */
  readonly inventory?: string | undefined;
}

/** An entry's file: what was asked for, what the answer depended on, and the answer. */
const ENTRY = z.strictObject({ format: z.literal(1), key: z.string(), text: z.string() });

/** What an entry has besides its text. */
const BESIDE_TEXT = 4096;

/**
 * One entry for each program and its arguments, with a key of what can change the answer: the host and its boot, the files
 * that the command names (device, inode, time, size), the environment where one is given, the hardware's digest. Entries
 * that are damaged, too old or beyond the limits are as good as none.
 */
export class DocumentCache {
  readonly folder: string;
  readonly #log: (message: string) => void;

  /**
   * `folder` is made when the first document is kept; below Ferry's own cache folder if not given. `log` hears of
   * documents that could not be kept: they are as good as others.
   */
  constructor(
    folder: string = join(cacheFolder(), 'documents'),
    log: (message: string) => void = () => undefined,
  ) {
    this.folder = folder;
    this.#log = log;
  }

  /** The document of a program, as kept where nothing has changed. Throws what `fromProgram` throws. */
  async document(argv: Argv, options: CacheOptions = {}): Promise<Found> {
    const host = await hostId();
    const path = join(this.folder, `${sha256([host, argv])}.json`);
    const key = await keyOf(host, argv, options);
    const kept = await readEntry(path);
    if (kept !== undefined && kept.key === key && options.fresh !== true)
      return { where: wordsOf(argv), from: { kind: 'program', argv }, text: kept.text, cached: true };
    const found = await fromProgram(argv, options);
    await this.#keep(path, key, found.text).catch((error) => {
      this.#log(
        `The document of ${found.where} could not be kept in ${this.folder}: ${asError(error).message}`,
      );
    });
    return { ...found, cached: false, ...(kept && { changed: kept.text !== found.text }) };
  }

  /** Writes an entry beside its place and moves it there, so that no reader ever finds half of one. */
  async #keep(path: string, key: string, text: string): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const beside = `${path}.${randomUUID()}`;
    const entry: z.infer<typeof ENTRY> = { format: 1, key, text };
    try {
      await writeFile(beside, JSON.stringify(entry), { mode: 0o600, flag: 'wx' });
      await rename(beside, path);
    } finally {
      await rm(beside, { force: true });
    }
    await this.#prune();
  }

  /** Removes what is too old, then the oldest until the rest is within the limits. */
  async #prune(): Promise<void> {
    const entries = [];
    for (const name of await readdir(this.folder)) {
      const path = join(this.folder, name);
      const status = await stat(path).catch(ignoreMissing);
      if (status?.isFile()) entries.push({ path, time: status.mtimeMs, size: status.size });
    }
    entries.sort((a, b) => b.time - a.time);
    let bytes = 0;
    for (const [i, { path, time, size }] of entries.entries()) {
      bytes += size;
      if (i >= MAX_CACHED || bytes > MAX_CACHE_BYTES || tooOld(time)) await rm(path, { force: true });
    }
  }
}

/** The entry at `path`; undefined where there is none that can be used. */
async function readEntry(path: string): Promise<{ key: string; text: string } | undefined> {
  try {
    if (tooOld((await stat(path)).mtimeMs)) return undefined;
    // As JSON, a character takes up to six bytes
    const text = await readText(path, 6 * MAX_DOCUMENT_BYTES + BESIDE_TEXT, { follow: false });
    return ENTRY.parse(JSON.parse(text));
  } catch {
    // None, or one that is written anew
    return undefined;
  }
}

function tooOld(time: number): boolean {
  return Date.now() - time > MAX_CACHE_AGE;
}

/** A digest of everything that a program's answer may depend on. */
async function keyOf(
  host: string | undefined,
  [program, ...args]: Argv,
  { inventory, env }: CacheOptions,
): Promise<string> {
  const boot = await contents('/proc/sys/kernel/random/boot_id');
  // A loader or an interpreter is given the file that matters as an argument
  const files = await Promise.all([findProgram(program) ?? program, ...args].map(identityOf));
  return sha256([
    host,
    boot,
    program,
    args,
    files,
    process.cwd(),
    env && Object.entries(env).sort(),
    inventory,
  ]);
}

/** What tells this host from others that may share the folder. */
async function hostId(): Promise<string | undefined> {
  return (await contents('/etc/machine-id')) ?? contents('/proc/sys/kernel/hostname');
}

/** What tells one state of a file from another; null for what is no file. */
async function identityOf(path: string): Promise<string[] | null> {
  const status = await stat(path, { bigint: true }).catch(() => undefined); // Most arguments are no files
  if (status?.isFile() !== true) return null;
  return [status.dev, status.ino, status.mtimeNs, status.ctimeNs, status.size].map(String);
}

function contents(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(ignoreMissing);
}

function ignoreMissing(error: unknown): undefined {
  if (Reflect.get(asError(error), 'code') !== 'ENOENT') throw error;
}

function sha256(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}
