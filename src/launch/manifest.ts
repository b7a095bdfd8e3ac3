/** What a cached set of programs says about itself. Written by `tools/peers`, read wherever peers are looked for. */
import { DecodeError } from '../errors.ts';

export interface SetManifest {
  readonly format: 1;
  readonly set: string;
  /** SHA-256 of the recipe that the set was made by: another recipe means another set. */
  readonly recipe: string;
  readonly packages: readonly PackageEntry[];
  readonly programs: readonly ProgramEntry[];
  readonly kernels: readonly KernelEntry[];
}

export interface PackageEntry {
  readonly name: string;
  readonly version: string;
  readonly size: number;
  /** Of the package file, as lowercase hex. */
  readonly sha256: string;
}

export interface ProgramEntry {
  readonly name: string;
  readonly version: string;
  /** Relative to the set's folder. */
  readonly path: string;
}

export interface KernelEntry {
  readonly release: string;
  readonly image: string;
  readonly config: string;
}

const maxEntries = 4096;

/** @throws DecodeError ERR_MANIFEST when the text is not a manifest of this format */
export function decodeManifest(text: string): SetManifest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new DecodeError('ERR_MANIFEST', 'manifest', 'is not JSON');
  }
  const top = record(json, 'manifest');
  if (top.format !== 1) {
    throw new DecodeError('ERR_MANIFEST', 'format', `is ${JSON.stringify(top.format)}, expected 1`);
  }
  return {
    format: 1,
    set: string(top, 'set'),
    recipe: string(top, 'recipe'),
    packages: list(top, 'packages', (entry) => ({
      name: string(entry, 'name'),
      version: string(entry, 'version'),
      size: number(entry, 'size'),
      sha256: string(entry, 'sha256'),
    })),
    programs: list(top, 'programs', (entry) => ({
      name: string(entry, 'name'),
      version: string(entry, 'version'),
      path: inside(entry, 'path'),
    })),
    kernels: list(top, 'kernels', (entry) => ({
      release: string(entry, 'release'),
      image: inside(entry, 'image'),
      config: inside(entry, 'config'),
    })),
  };
}

type Fields = Readonly<Record<string, unknown>>;

function record(value: unknown, field: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new DecodeError('ERR_MANIFEST', field, 'is not an object');
  }
  return { ...value };
}

function list<T>(from: Fields, field: string, decode: (entry: Fields) => T): T[] {
  const value = from[field];
  if (!Array.isArray(value) || value.length > maxEntries) {
    throw new DecodeError('ERR_MANIFEST', field, `is not a list of at most ${maxEntries} entries`);
  }
  return value.map((entry: unknown, i) => decode(record(entry, `${field}[${i}]`)));
}

function string(from: Fields, field: string): string {
  const value = from[field];
  if (typeof value !== 'string' || value === '') {
    throw new DecodeError('ERR_MANIFEST', field, `is ${JSON.stringify(value)}, expected a string`);
  }
  return value;
}

function number(from: Fields, field: string): number {
  const value = from[field];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new DecodeError('ERR_MANIFEST', field, `is ${JSON.stringify(value)}, expected a count`);
  }
  return value;
}

/** A path that stays inside the set. */
function inside(from: Fields, field: string): string {
  const value = string(from, field);
  if (value.startsWith('/') || value.split('/').includes('..')) {
    throw new DecodeError('ERR_MANIFEST', field, `${JSON.stringify(value)} leads out of the set`);
  }
  return value;
}
