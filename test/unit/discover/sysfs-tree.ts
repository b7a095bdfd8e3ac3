import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { type AttributeFiles, HOST_ATTRIBUTES } from '../../../src/discover/index.ts';
import { SystemError } from '../../../src/errors.ts';
import { Folder } from './support.ts';

export const UUID = '4b20d080-1b54-4048-85b3-a6a62d165c01';

export type Attributes = Readonly<Record<string, string>>;

/** A tree in the RFC's layout. */
export class Tree extends Folder {
  readonly types = join(this.path, 'mdev_supported_types');

  /** Makes a type with these files; its folder. */
  type(id: string, files: Attributes): string {
    const path = join(this.types, id);
    mkdirSync(path, { recursive: true });
    for (const [name, text] of Object.entries({ create: '', ...files }))
      writeFileSync(join(path, name), text);
    return path;
  }

  /** Makes a device of a type; its folder. */
  device(uuid: string, type: string | undefined, attributes: Attributes): string {
    const path = join(this.path, uuid);
    mkdirSync(join(path, 'migration'), { recursive: true });
    if (type !== undefined) symlinkSync(`../mdev_supported_types/${type}`, join(path, 'mdev_type'));
    writeFileSync(join(path, 'remove'), '');
    for (const [name, value] of Object.entries(attributes))
      writeFileSync(join(path, 'migration', name), `${value}\n`);
    return path;
  }

  attribute(device: string, name: string): string {
    return readFileSync(join(device, 'migration', name), 'utf8').trim();
  }
}

/**
 * The files of a tree with a driver behind them that makes and removes devices, refuses values, and takes others than
 * were written. `writes` are all that it was asked to take, in order, as paths below the tree.
 */
export class Driver implements AttributeFiles {
  readonly writes: string[] = [];
  readonly #tree: Tree;
  readonly #initial: Attributes;
  readonly #behaviour: Readonly<Record<string, (value: string) => string>>;
  readonly names = HOST_ATTRIBUTES.names;
  readonly read = HOST_ATTRIBUTES.read;
  readonly resolve = HOST_ATTRIBUTES.resolve;

  /** `behaviour` has what becomes of a value by the attribute's name; it throws to refuse. */
  constructor(
    tree: Tree,
    initial: Attributes,
    behaviour: Readonly<Record<string, (value: string) => string>> = {},
  ) {
    this.#tree = tree;
    this.#initial = initial;
    this.#behaviour = behaviour;
  }

  async write(path: string, value: string): Promise<void> {
    this.writes.push(`${path.slice(this.#tree.path.length + 1)}=${value}`);
    const name = basename(path);
    const taken = (this.#behaviour[name] ?? ((same) => same))(value);
    if (name === 'create') this.#tree.device(taken, basename(dirname(path)), this.#initial);
    else if (name === 'remove') rmSync(dirname(path), { recursive: true });
    else await HOST_ATTRIBUTES.write(path, taken);
  }
}

/** What refuses every value with an error of the kernel. */
export function refuse(name: 'EBUSY' | 'EINVAL' | 'ENOSPC'): () => never {
  return () => {
    throw new SystemError('write', constants.errno[name], name);
  };
}
