import { StreamError } from './errors.ts';
import { MAX_DESCRIPTION_DEPTH, MAX_DEVICES } from './limits.ts';

/** How many bytes one device saved, by what QEMU says of it. */
export interface DescribedDevice {
  readonly name: string;
  readonly instance: number;
  readonly size: number;
}

type Json = Readonly<Record<string, unknown>>;

/**
 * The devices of a description in the order of their state, from its JSON text:
 * `{"configuration": …, "page_size": n, "devices": [{"name", "instance_id", "fields": [{"name", "size", …}], …}]}`. A field's
 * size is that of one element where it says `array_len`, and of all that was written for it otherwise.
 */
export function decodeDescription(text: Uint8Array): DescribedDevice[] {
  const root = parse(text);
  const { devices } = root;
  if (!Array.isArray(devices)) throw wrong('devices', 'is no array');
  if (devices.length > MAX_DEVICES)
    throw new StreamError(
      'ERR_QEMU_LIMIT',
      'description',
      `${devices.length} devices, at most ${MAX_DEVICES} are taken`,
    );
  return devices.map((device: unknown, i) => {
    const where = `devices[${i}]`;
    const { name, instance_id: instance, ...rest } = object(device, where);
    if (typeof name !== 'string') throw wrong(`${where}.name`, 'is no text');
    return { name, instance: count(instance, `${where}.instance_id`), size: sizeOf(rest, where, 0) };
  });
}

/** Bytes of a structure: its fields, and its subsections with their heads (`u8 5, u8 length, name, u32 version`). */
function sizeOf(structure: Json, where: string, depth: number): number {
  if (depth > MAX_DESCRIPTION_DEPTH)
    throw new StreamError(
      'ERR_QEMU_LIMIT',
      'description',
      `${where} is nested deeper than ${MAX_DESCRIPTION_DEPTH}`,
    );
  let size = 0;
  for (const [i, value] of list(structure.fields, `${where}.fields`).entries()) {
    const field = object(value, `${where}.fields[${i}]`);
    const elements =
      field.array_len === undefined ? 1 : count(field.array_len, `${where}.fields[${i}].array_len`);
    size += elements * count(field.size, `${where}.fields[${i}].size`);
  }
  for (const [i, value] of list(structure.subsections, `${where}.subsections`).entries()) {
    const subsection = object(value, `${where}.subsections[${i}]`);
    const { vmsd_name: name } = subsection;
    if (typeof name !== 'string') throw wrong(`${where}.subsections[${i}].vmsd_name`, 'is no text');
    size += 6 + Buffer.byteLength(name) + sizeOf(subsection, `${where}.subsections[${i}]`, depth + 1);
  }
  return size;
}

function parse(text: Uint8Array): Json {
  let root: unknown;
  try {
    root = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(text));
  } catch {
    throw wrong('text', 'is no JSON');
  }
  return object(root, 'text');
}

function object(value: unknown, where: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(where, 'is no object');
  return value as Json;
}

function list(value: unknown, where: string): readonly unknown[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw wrong(where, 'is no array');
  return value;
}

function count(value: unknown, where: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw wrong(where, `${JSON.stringify(value)} is no count`);
  return value;
}

function wrong(where: string, message: string): StreamError {
  return new StreamError('ERR_QEMU_DESCRIPTION', 'description', `${where} ${message}`);
}
