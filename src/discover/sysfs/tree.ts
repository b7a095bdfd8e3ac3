/** What a folder of sysfs is to migration: a type, a device, or their parent. */
import { basename, dirname, join } from 'node:path';
import { asError, FerryError } from '../../errors.ts';
import { DiscoverError } from '../errors.ts';
import { type Discovered, type Found, readFound } from '../found.ts';
import { MAX_SYSFS_ENTRIES } from '../limits.ts';
import { fromDevice, MDEV_TYPE, MIGRATION } from './device.ts';
import { type AttributeFiles, HOST_ATTRIBUTES } from './files.ts';
import { DEVICE_MODELS, fromType, INFO, TYPES } from './type.ts';

/** A folder without symbolic links, and what it is. */
export interface SysfsPlace {
  readonly kind: 'type' | 'device' | 'parent';
  readonly path: string;
}

/** What `path` is. Throws `ERR_DISCOVER_MISSING` or, where it is a folder of something else, `ERR_DISCOVER_SYSFS`. */
export async function placeInSysfs(
  path: string,
  files: AttributeFiles = HOST_ATTRIBUTES,
): Promise<SysfsPlace> {
  const found = await files.resolve(path);
  const names = found === undefined ? undefined : await files.names(found);
  if (found === undefined || names === undefined)
    throw new DiscoverError('ERR_DISCOVER_MISSING', `There is no folder ${path}`);
  const has = (...any: string[]) => any.some((name) => names.includes(name));
  if (basename(dirname(found)) === TYPES || has(INFO, DEVICE_MODELS)) return { kind: 'type', path: found };
  if (has(TYPES)) return { kind: 'parent', path: found };
  if (has(MDEV_TYPE, MIGRATION)) return { kind: 'device', path: found };
  throw new DiscoverError(
    'ERR_DISCOVER_SYSFS',
    `${path} is neither a type (${INFO}), a device (${MIGRATION}/) nor a parent of types (${TYPES}/)`,
  );
}

/**
 * The document of a type, of a device with what it has now, or of a parent that has one type.
 *
 * @throws DiscoverError ERR_DISCOVER_SYSFS, _NONE, _SEVERAL (naming the types), and those of reading
 */
export async function fromSysfs(path: string, files: AttributeFiles = HOST_ATTRIBUTES): Promise<Found> {
  const place = await placeInSysfs(path, files);
  if (place.kind === 'type') return fromType(files, place.path);
  if (place.kind === 'device') return fromDevice(files, place.path);
  const types = await typesBelow(files, place.path);
  const [only] = types;
  if (only !== undefined && types.length === 1) return fromType(files, only);
  const found =
    types.length === 0 ? 'no type' : `several types: ${types.map((type) => basename(type)).join(', ')}`;
  throw new DiscoverError('ERR_DISCOVER_SEVERAL', `${path} has ${found}; name the one that is meant`);
}

/** A type or a device below a parent, or why it cannot be used. */
export type SysfsEntry = {
  readonly kind: 'type' | 'device';
  /** The type's id, or the device's UUID. */
  readonly id: string;
  readonly path: string;
} & ({ readonly discovered: Discovered } | { readonly error: FerryError });

/** Everything below a parent: its types, then its devices, each in order of their names. One that is bad ends nothing. */
export async function* readParent(
  path: string,
  { files = HOST_ATTRIBUTES, signal }: { files?: AttributeFiles; signal?: AbortSignal | undefined } = {},
): AsyncGenerator<SysfsEntry> {
  const place = await placeInSysfs(path, files);
  if (place.kind !== 'parent')
    throw new DiscoverError('ERR_DISCOVER_SYSFS', `${path} is a ${place.kind}, expected a parent of types`);
  const types = await typesBelow(files, place.path);
  for (const type of types) yield entry('type', type, signal, () => fromType(files, type));
  for (const device of await devicesBelow(files, place.path))
    yield entry('device', device, signal, () => fromDevice(files, device));
}

async function entry(
  kind: SysfsEntry['kind'],
  path: string,
  signal: AbortSignal | undefined,
  find: () => Promise<Found>,
): Promise<SysfsEntry> {
  signal?.throwIfAborted();
  const named = { kind, id: basename(path), path };
  try {
    return { ...named, discovered: readFound(await find()) };
  } catch (error) {
    if (error instanceof FerryError) return { ...named, error };
    throw asError(error);
  }
}

async function typesBelow(files: AttributeFiles, parent: string): Promise<string[]> {
  const folder = join(parent, TYPES);
  return bounded(folder, (await files.names(folder)) ?? []).map((name) => join(folder, name));
}

/** Devices are named by their UUID. */
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

async function devicesBelow(files: AttributeFiles, parent: string): Promise<string[]> {
  const names = (await files.names(parent)) ?? [];
  return bounded(parent, names.filter(isUuid)).map((name) => join(parent, name));
}

/** Whether `text` can name a device. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}

function bounded(folder: string, names: readonly string[]): readonly string[] {
  if (names.length <= MAX_SYSFS_ENTRIES) return names;
  throw new DiscoverError(
    'ERR_DISCOVER_SIZE',
    `${folder} has ${names.length} entries, more than the ${MAX_SYSFS_ENTRIES} that are taken`,
  );
}
