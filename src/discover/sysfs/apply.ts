/** Making a device in sysfs what a list says (RFC v3 and v4, "mdev"). */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import {
  type Assignment,
  type Check,
  check,
  complete,
  formatInfo,
  formatValue,
  type MigrationInfo,
  type MigrationList,
  type Model,
  type ParameterType,
  profileValues,
  readValue,
} from '../../compat/index.ts';
import { asError, SystemError } from '../../errors.ts';
import { DiscoverError } from '../errors.ts';
import { readFound } from '../found.ts';
import { MAX_ATTRIBUTE } from '../limits.ts';
import { ApplyError, type ApplyErrorCode, type AttributeWrite, pairs } from './apply-error.ts';
import { DEVICE_MODEL, MIGRATION, parameterModel, typeOfDevice, VERSION } from './device.ts';
import { type AttributeFiles, HOST_ATTRIBUTES } from './files.ts';
import { isUuid, placeInSysfs } from './tree.ts';
import { fromType, parentOf } from './type.ts';

export interface ApplyOptions {
  /** The document that the list was checked with: where the one found differs, nothing is done. Needed for devices that name no type. */
  readonly document?: MigrationInfo | undefined;
  /** The source's own document of the model, for the check. */
  readonly source?: Model | undefined;
  /** Of a device that is made; a random one if not given. */
  readonly uuid?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly files?: AttributeFiles | undefined;
}

export type Applied =
  | {
      readonly outcome: 'applied';
      /** The folder of the device. */
      readonly device: string;
      /** Whether it was made, or had been there. */
      readonly created: boolean;
      /** In the order in which they were written, each once. */
      readonly written: readonly AttributeWrite[];
      readonly check: Check;
    }
  /** The list does not fit, so nothing was touched. */
  | { readonly outcome: 'refused'; readonly check: Check };

/**
 * Makes a device that can load the state of one with `list`: a new one where `path` is the folder of a type, else the
 * device at `path` is set anew. Its document is read now and `list` is checked against it; then each attribute is written
 * once, in the order of their names: the value in the list, or what switches it off. v4: the model, then the version. At the
 * end every attribute is read. A list that is unproven is tried: the attributes themselves say.
 *
 * A device that was made is removed again when this fails; one that had been there stays as it is then.
 *
 * @throws ApplyError where the device refuses; DiscoverError where nothing was touched, ERR_DISCOVER_CHANGED among them
 */
export async function applySysfs(
  path: string,
  list: MigrationList,
  options: ApplyOptions = {},
): Promise<Applied> {
  const { files = HOST_ATTRIBUTES, signal } = options;
  const place = await placeInSysfs(path, files);
  if (place.kind === 'parent')
    throw new DiscoverError('ERR_DISCOVER_SEVERAL', `${path} is a parent; name the type or the device`);
  const info = await documentNow(files, place.path, place.kind, options.document);
  const verdict = check(list, info, { source: options.source, where: place.path });
  if (verdict.answer === 'no' || verdict.model === undefined) return { outcome: 'refused', check: verdict };
  const writes = writesFor(verdict, verdict.model, parameterModel(info, place.path) !== undefined);
  signal?.throwIfAborted();
  const device =
    place.kind === 'device'
      ? await existing(files, place.path, writes)
      : await create(files, place.path, options.uuid);
  const created = place.kind === 'type';
  await writeAll(files, { device, created }, verdict.model, writes, signal);
  return { outcome: 'applied', device, created, written: writes, check: verdict };
}

/** The document as it is now. Throws where it is not the one that was planned with. */
async function documentNow(
  files: AttributeFiles,
  path: string,
  kind: 'type' | 'device',
  planned: MigrationInfo | undefined,
): Promise<MigrationInfo> {
  const type = kind === 'type' ? path : await typeOfDevice(files, path);
  if (type === undefined) {
    if (planned !== undefined) return planned;
    throw new DiscoverError('ERR_DISCOVER_SYSFS', `${path} names no type, and no document was given for it`);
  }
  const { info } = readFound(await fromType(files, type));
  if (planned === undefined || formatInfo(planned) === formatInfo(info)) return info;
  throw new DiscoverError(
    'ERR_DISCOVER_CHANGED',
    `The document of ${type} is another than the one that was planned with; plan anew`,
  );
}

function writesFor(verdict: Check, model: Model, byParameters: boolean): AttributeWrite[] {
  const { list, version } = verdict;
  if (!byParameters)
    return [
      { attribute: DEVICE_MODEL, value: model.name },
      { attribute: VERSION, value: version ?? '' },
    ];
  const profile = version === undefined ? undefined : profileValues(model, version);
  const values: Assignment = profile ?? complete(list, model);
  return [...values].map(([attribute, value]) => ({ attribute, value: formatValue(value) }));
}

/** The device at `path`. Throws before anything is written where it lacks an attribute. */
async function existing(
  files: AttributeFiles,
  path: string,
  writes: readonly AttributeWrite[],
): Promise<string> {
  const names = (await files.names(join(path, MIGRATION))) ?? [];
  const missing = writes.find(({ attribute }) => !names.includes(attribute));
  if (missing === undefined) return path;
  const found = `There is no ${join(path, MIGRATION, missing.attribute)}`;
  throw new DiscoverError(
    'ERR_DISCOVER_SYSFS',
    `${found}, which its document says it has; nothing was written`,
  );
}

async function create(files: AttributeFiles, type: string, given: string | undefined): Promise<string> {
  const uuid = given ?? randomUUID();
  if (!isUuid(uuid))
    throw new DiscoverError(
      'ERR_DISCOVER_SYSFS',
      `${JSON.stringify(uuid)} cannot name a device: expected a UUID`,
    );
  const device = join(parentOf(type), uuid);
  try {
    await files.write(join(type, 'create'), uuid);
  } catch (cause) {
    const errnoName = cause instanceof SystemError ? cause.errnoName : undefined;
    const facts = { attribute: undefined, errnoName, written: [], state: new Map(), removed: undefined };
    const message = `${type} made no device ${uuid}: ${errnoName ?? asError(cause).message}`;
    throw new ApplyError('ERR_APPLY_CREATE', message, facts, cause);
  }
  return device;
}

interface Target {
  readonly device: string;
  readonly created: boolean;
}

async function writeAll(
  files: AttributeFiles,
  target: Target,
  model: Model,
  writes: readonly AttributeWrite[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const written: AttributeWrite[] = [];
  const path = (attribute: string) => join(target.device, MIGRATION, attribute);
  for (const write of writes) {
    const { attribute, value } = write;
    const text = `${path(attribute)} refused ${JSON.stringify(value)}`;
    if (signal?.aborted === true)
      throw await failed('ERR_APPLY_CANCELLED', `Cancelled before ${path(attribute)}`, signal.reason);
    try {
      await files.write(path(attribute), value);
    } catch (cause) {
      const reason = cause instanceof SystemError ? cause.errnoName : asError(cause).message;
      throw await failed('ERR_APPLY_ATTRIBUTE', `${text}: ${reason}`, cause, attribute);
    }
    written.push(write);
  }
  for (const { attribute, value } of writes) {
    let found: string | undefined;
    try {
      found = await files.read(path(attribute), MAX_ATTRIBUTE);
    } catch (cause) {
      throw await failed('ERR_APPLY_MISMATCH', asError(cause).message, cause, attribute);
    }
    if (found !== undefined && same(found, value, model.parameters.get(attribute)?.type)) continue;
    const text = `${path(attribute)} took ${JSON.stringify(value)} and says ${JSON.stringify(found)}`;
    throw await failed('ERR_APPLY_MISMATCH', text, undefined, attribute);
  }

  async function failed(
    code: ApplyErrorCode,
    text: string,
    cause: unknown,
    attribute?: string,
  ): Promise<ApplyError> {
    const errnoName = cause instanceof SystemError ? cause.errnoName : undefined;
    const before = written.length === 0 ? 'nothing was written before' : `written: ${pairs(written)}`;
    const after = await aftermath(files, target);
    const facts = { attribute, errnoName, written, state: after.state, removed: after.removed };
    return new ApplyError(code, `${text}; ${before}; ${after.text}`, facts, cause);
  }
}

/** Whether two texts are the same value. */
function same(found: string, value: string, type: ParameterType | undefined): boolean {
  if (found === value) return true;
  return type !== undefined && type !== 'str' && readValue(type, found) === readValue(type, value);
}

interface Aftermath {
  readonly state: ReadonlyMap<string, string>;
  readonly removed: boolean | undefined;
  readonly text: string;
}

/** Removes a device that had been made; says what one that stays is like. */
async function aftermath(files: AttributeFiles, { device, created }: Target): Promise<Aftermath> {
  if (created) {
    try {
      await files.write(join(device, 'remove'), '1');
      return { state: new Map(), removed: true, text: `${device} was removed again` };
    } catch (error) {
      const state = await stateOf(files, device);
      const text = `${device} could not be removed again (${asError(error).message}) and has ${spell(state)}`;
      return { state, removed: false, text };
    }
  }
  const state = await stateOf(files, device);
  return { state, removed: undefined, text: `${device} now has ${spell(state)}` };
}

/** What can be read of a device that is in trouble: an attribute that cannot be is said so in its place. */
async function stateOf(files: AttributeFiles, device: string): Promise<ReadonlyMap<string, string>> {
  const state = new Map<string, string>();
  const folder = join(device, MIGRATION);
  try {
    for (const name of (await files.names(folder)) ?? []) {
      const text = await files
        .read(join(folder, name), MAX_ATTRIBUTE)
        .catch((error) => `(${asError(error).message})`);
      if (text !== undefined) state.set(name, text);
    }
  } catch (error) {
    state.set(MIGRATION, `(${asError(error).message})`);
  }
  return state;
}

function spell(state: ReadonlyMap<string, string>): string {
  const all = [...state].map(([attribute, value]) => ({ attribute, value }));
  return all.length === 0 ? 'no attributes' : pairs(all);
}
