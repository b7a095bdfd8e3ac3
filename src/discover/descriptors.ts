/** QEMU's descriptors of vhost-user back ends: which programs are installed, and of what type. */
import { readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import * as z from 'zod';
import { asError, FerryError } from '../errors.ts';
import { type DiscoverOptions, discover } from './discover.ts';
import { DiscoverError } from './errors.ts';
import type { Discovered } from './found.ts';
import { MAX_DESCRIPTOR, MAX_DESCRIPTORS } from './limits.ts';
import { excerpt, readFailure, readText } from './text.ts';

/** Types of back ends that QEMU's schema knows. */
export const DESCRIPTOR_TYPES = [
  '9p',
  'balloon',
  'block',
  'caif',
  'console',
  'crypto',
  'fs',
  'gpu',
  'input',
  'net',
  'rng',
  'rpmsg',
  'rproc-serial',
  'scsi',
  'vsock',
] as const;

export type DescriptorType = (typeof DESCRIPTOR_TYPES)[number];

/** A back end that is installed. */
export interface Descriptor {
  readonly path: string;
  readonly description: string;
  readonly type: DescriptorType;
  /** Absolute. */
  readonly binary: string;
  /** What it says it can do, such as `migrate-precopy`. */
  readonly features: readonly string[];
}

export interface Descriptors {
  /** In order of their file names, which says what to prefer. */
  readonly descriptors: readonly Descriptor[];
  /** Files that were passed over, and why. */
  readonly problems: readonly { readonly path: string; readonly error: FerryError }[];
}

/** Where descriptors are, the least specific first: the distribution's, the administrator's, the user's. */
export function descriptorFolders(env: NodeJS.ProcessEnv = process.env): string[] {
  const xdg = env.XDG_CONFIG_HOME;
  const config = xdg !== undefined && isAbsolute(xdg) ? xdg : join(env.HOME ?? homedir(), '.config');
  return ['/usr/share', '/etc', config].map((folder) => join(folder, 'qemu/vhost-user'));
}

/**
 * The descriptors in `folders`, of `type` alone where that is given. A file hides those of the same name in folders before
 * its own, also where it is empty (then nothing takes their place) or bad.
 *
 * @throws DiscoverError where a folder is there and cannot be read
 */
export async function findDescriptors(
  options: {
    readonly type?: DescriptorType | undefined;
    readonly folders?: readonly string[] | undefined;
  } = {},
): Promise<Descriptors> {
  const paths = new Map<string, string>();
  for (const folder of options.folders ?? descriptorFolders())
    for (const name of await namesIn(folder)) paths.set(name, join(folder, name));
  const descriptors: Descriptor[] = [];
  const problems: { path: string; error: FerryError }[] = [];
  for (const path of [...paths].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, path]) => path)) {
    try {
      const text = await readText(path, MAX_DESCRIPTOR);
      if (text === '') continue;
      const descriptor = decodeDescriptor(text, path);
      if (options.type === undefined || descriptor.type === options.type) descriptors.push(descriptor);
    } catch (error) {
      if (!(error instanceof FerryError)) throw error;
      problems.push({ path, error });
    }
  }
  return { descriptors, problems };
}

/** A descriptor and what its program says: a document, or why there is none. */
export type DescribedDocument = { readonly descriptor: Descriptor } & (
  | { readonly discovered: Discovered }
  | { readonly error: FerryError }
);

/** Asks the program of each descriptor for its document. One that offers none (`ERR_DISCOVER_NONE`) ends nothing. */
export async function* readDescriptors(
  descriptors: readonly Descriptor[],
  options: DiscoverOptions = {},
): AsyncGenerator<DescribedDocument> {
  for (const descriptor of descriptors) {
    try {
      yield { descriptor, discovered: await discover([descriptor.binary], options) };
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!(error instanceof FerryError)) throw asError(error);
      yield { descriptor, error };
    }
  }
}

const DESCRIPTOR = z.object({
  description: z.string(),
  type: z.enum(DESCRIPTOR_TYPES),
  binary: z.string().refine(isAbsolute, 'expected an absolute path'),
  features: z.array(z.string()).optional(),
});

/** A descriptor from its text. Members that are not known, `tags` among them, are ignored. Throws `ERR_DISCOVER_DESCRIPTOR`. */
export function decodeDescriptor(text: string, path: string): Descriptor {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const found = `${path} is no JSON: ${asError(cause).message}`;
    throw new DiscoverError('ERR_DISCOVER_DESCRIPTOR', found, { cause });
  }
  const decoded = DESCRIPTOR.safeParse(value);
  if (decoded.success) return { path, features: [], ...defined(decoded.data) };
  const [issue] = decoded.error.issues;
  const member = issue?.path.join('.') || 'the whole';
  const found = `${path} is no descriptor of a back end: ${member}: ${issue?.message ?? ''}`;
  throw new DiscoverError('ERR_DISCOVER_DESCRIPTOR', found);
}

function defined({ features, ...rest }: z.infer<typeof DESCRIPTOR>) {
  return features === undefined ? rest : { ...rest, features };
}

async function namesIn(folder: string): Promise<string[]> {
  let names: string[];
  try {
    names = (await readdir(folder)).filter((name) => name.endsWith('.json'));
  } catch (cause) {
    const failure = readFailure(folder, cause);
    if (failure.code === 'ERR_DISCOVER_MISSING') return [];
    throw failure;
  }
  if (names.length <= MAX_DESCRIPTORS) return names;
  const found = `${excerpt(folder)} has ${names.length} descriptors, more than the ${MAX_DESCRIPTORS} that are taken`;
  throw new DiscoverError('ERR_DISCOVER_SIZE', found);
}
