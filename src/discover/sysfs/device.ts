/** Devices in sysfs: which type they are of, and what they have now. */
import { join } from 'node:path';
import { buildList, type MigrationInfo, type Model, parseValue, type Value } from '../../compat/index.ts';
import { asError } from '../../errors.ts';
import { DiscoverError } from '../errors.ts';
import type { Found, InEffect } from '../found.ts';
import { MAX_ATTRIBUTE, MAX_SYSFS_ENTRIES } from '../limits.ts';
import type { AttributeFiles } from './files.ts';
import { fromType, parentOf } from './type.ts';

/** The folder of a device that its attributes are in, one for each parameter. */
export const MIGRATION = 'migration';

/** The link from a device to its type. */
export const MDEV_TYPE = 'mdev_type';

/** The attributes of v4. Setting the model resets the version. */
export const DEVICE_MODEL = 'device_model';
export const VERSION = 'version';

/** The document of the device whose folder is `path`, and what its attributes say now. */
export async function fromDevice(files: AttributeFiles, path: string): Promise<Found> {
  const type = await typeOfDevice(files, path);
  if (type === undefined)
    throw new DiscoverError('ERR_DISCOVER_SYSFS', `${path} has no ${MDEV_TYPE}: nothing says what it is`);
  const { text } = await fromType(files, type);
  const attributes = await readAttributes(files, path);
  return {
    where: path,
    from: { kind: 'sysfs', type, device: path },
    text,
    inEffect: (info) => inEffect(info, attributes, path),
  };
}

/** The folder of a device's type; undefined where it names none. */
export async function typeOfDevice(files: AttributeFiles, path: string): Promise<string | undefined> {
  const type = await files.resolve(join(path, MDEV_TYPE));
  if (type !== undefined) parentOf(type);
  return type;
}

/** What every attribute of a device says, by name. */
export async function readAttributes(
  files: AttributeFiles,
  device: string,
): Promise<ReadonlyMap<string, string>> {
  const folder = join(device, MIGRATION);
  const names = await files.names(folder);
  if (names === undefined)
    throw new DiscoverError('ERR_DISCOVER_SYSFS', `${device} has no ${MIGRATION}: it cannot migrate`);
  if (names.length > MAX_SYSFS_ENTRIES)
    throw new DiscoverError('ERR_DISCOVER_SIZE', `${folder} has more than ${MAX_SYSFS_ENTRIES} attributes`);
  const attributes = new Map<string, string>();
  for (const name of names) {
    const text = await files.read(join(folder, name), MAX_ATTRIBUTE);
    if (text !== undefined) attributes.set(name, text);
  }
  return attributes;
}

/**
 * The one model whose parameters are attributes of their own (v3); undefined where models have versions instead (v4).
 * Throws `ERR_DISCOVER_SYSFS` where several models have parameters: a type is of one.
 */
export function parameterModel({ models }: MigrationInfo, where: string): Model | undefined {
  const all = [...models.values()];
  if (all.every(({ parameters, versions }) => parameters.size === 0 && versions.length > 0)) return undefined;
  const [model] = all;
  if (model !== undefined && all.length === 1) return model;
  const names = all.map(({ name }) => name).join(', ');
  throw new DiscoverError('ERR_DISCOVER_SYSFS', `${where} has parameters of ${names}, expected one model`);
}

function inEffect(info: MigrationInfo, attributes: ReadonlyMap<string, string>, device: string): InEffect {
  const folder = join(device, MIGRATION);
  const model = parameterModel(info, device);
  if (model === undefined) return versionInEffect(info, attributes, folder);
  for (const name of attributes.keys())
    if (!model.parameters.has(name))
      throw new DiscoverError(
        'ERR_DISCOVER_SYSFS',
        `${join(folder, name)} is not in the document of its type`,
      );
  const values = new Map<string, Value>();
  for (const { name, type } of model.parameters.values())
    values.set(
      name,
      readAs(folder, name, attributes, (text) => parseValue(name, type, text)),
    );
  return { list: buildList(model, values), model, values };
}

function versionInEffect(
  { models }: MigrationInfo,
  attributes: ReadonlyMap<string, string>,
  folder: string,
): InEffect {
  const model = readAs(folder, DEVICE_MODEL, attributes, (text) => models.get(text));
  const version = readAs(folder, VERSION, attributes, (text) => text);
  if (model === undefined) {
    const found = `${join(folder, DEVICE_MODEL)} has ${JSON.stringify(attributes.get(DEVICE_MODEL))}`;
    throw new DiscoverError(
      'ERR_DISCOVER_SYSFS',
      `${found}, expected one of ${[...models.keys()].join(', ')}`,
    );
  }
  return { list: buildList(model, new Map(), version), model, values: new Map() };
}

function readAs<T>(
  folder: string,
  name: string,
  attributes: ReadonlyMap<string, string>,
  read: (text: string) => T,
): T {
  const text = attributes.get(name);
  if (text === undefined)
    throw new DiscoverError(
      'ERR_DISCOVER_SYSFS',
      `There is no ${join(folder, name)}, which its type says it has`,
    );
  try {
    return read(text);
  } catch (cause) {
    const found = `${folder}: ${asError(cause).message}`;
    throw new DiscoverError('ERR_DISCOVER_SYSFS', found, { cause });
  }
}
