/** The documents of mdev types, as v3 and v4 of the RFC place them. */
import { basename, dirname, join } from 'node:path';
import { DiscoverError } from '../errors.ts';
import type { Found } from '../found.ts';
import { MAX_DOCUMENT_BYTES } from '../limits.ts';
import { excerpt } from '../text.ts';
import type { AttributeFiles } from './files.ts';

/** The folder below a parent that its types are in. */
export const TYPES = 'mdev_supported_types';

/** The document of a type in v3. */
export const INFO = 'migration_info.json';

/** The models and versions of a type in v4. */
export const DEVICE_MODELS = 'migration_device_models';

/** The document of the type whose folder is `path`. Throws `ERR_DISCOVER_NONE` where it has none. */
export async function fromType(files: AttributeFiles, path: string): Promise<Found> {
  const info = await files.read(join(path, INFO), MAX_DOCUMENT_BYTES);
  const models =
    info === undefined ? await files.read(join(path, DEVICE_MODELS), MAX_DOCUMENT_BYTES) : undefined;
  const text = info ?? (models === undefined ? undefined : documentOf(models, join(path, DEVICE_MODELS)));
  if (text === undefined)
    throw new DiscoverError(
      'ERR_DISCOVER_NONE',
      `${path} offers no document: it has neither ${INFO} nor ${DEVICE_MODELS}`,
    );
  return { where: path, from: { kind: 'sysfs', type: path }, text };
}

/** The folder of the parent of a type. Throws `ERR_DISCOVER_SYSFS` where `type` is no type's folder. */
export function parentOf(type: string): string {
  const types = dirname(type);
  if (basename(types) === TYPES) return dirname(types);
  throw new DiscoverError('ERR_DISCOVER_SYSFS', `${type} is no type: it is not below a folder ${TYPES}`);
}

/**
 * The document that says what v4's text does: a line `model:`, then its versions, a line each, newest last. Blanks around
 * a line and empty lines mean nothing.
 */
function documentOf(text: string, where: string): string {
  const models = new Map<string, { versions: string[] }>();
  let versions: string[] | undefined;
  for (const [i, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    const found = `${where}: line ${i + 1} has ${excerpt(line)}`;
    if (line === '') continue;
    if (line.endsWith(':')) {
      const model = line.slice(0, -1);
      if (models.has(model))
        throw new DiscoverError('ERR_DISCOVER_SYSFS', `${found}, a model that was there already`);
      versions = [];
      models.set(model, { versions });
    } else if (versions === undefined)
      throw new DiscoverError('ERR_DISCOVER_SYSFS', `${found}, expected a model and a colon first`);
    else versions.push(line);
  }
  return JSON.stringify({ models: Object.fromEntries(models) });
}
