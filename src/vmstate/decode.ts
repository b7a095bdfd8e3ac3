import { asError } from '../errors.ts';
import type { Description, Field, VmstateDevice, VmstateDump } from './dump.ts';
import { VmstateError } from './errors.ts';
import { VMSTATE_LIMITS, type VmstateLimits } from './limits.ts';
import { countMembers, duplicateIn, isMembers, type Members, pointerOf, scanText } from './scan.ts';

/**
 * Decodes the file that QEMU wrote for `-dump-vmstate`: JSON of the shape
 * `{"vmschkmachine": {"Name"}, "<type>": {"Name", "version_id", "minimum_version_id", "Description"?}, …}`, a description
 * being `{"name", "version_id", "minimum_version_id", "Fields"?: [{"field", "version_id", "field_exists", "size", "num"?,
 * "Description"?}], "Subsections"?: [description]}`. Members that nobody knows are left out.
 *
 * @throws VmstateError naming the place
 */
export function decodeDump(input: string | Uint8Array, limits: VmstateLimits = VMSTATE_LIMITS): VmstateDump {
  const text = textOf(input, limits);
  const colons = scanText(text, limits);
  const parsed = parse(text);
  // Fewer members than colons: a member is there twice, or a string has a colon
  const duplicate = countMembers(parsed, limits) === colons ? undefined : duplicateIn(text);
  if (duplicate !== undefined) throw duplicate;
  const top = object(parsed, root);
  const machine = object(top[MACHINE], { above: root, key: MACHINE });
  const reader = new Reader(limits);
  const names = Object.keys(top).filter((name) => name !== MACHINE);
  reader.bound(names.length, limits.devices, root, 'devices');
  const devices = names.sort().map((name): [string, VmstateDevice] => {
    return [name, reader.device(name, top[name], { above: root, key: name })];
  });
  return {
    machine: reader.name(machine, 'Name', { above: root, key: MACHINE }),
    devices: new Map(devices),
  };
}

/** Not a device, but the machine type that the dump was made for. */
const MACHINE = 'vmschkmachine';

/** A place in the text, from the inside out. */
interface Place {
  readonly above: Place | undefined;
  readonly key: string | number;
}

const root: Place = { above: undefined, key: '' };

class Reader {
  readonly #limits: VmstateLimits;
  #fields = 0;

  constructor(limits: VmstateLimits) {
    this.#limits = limits;
  }

  device(name: string, value: unknown, place: Place): VmstateDevice {
    const members = object(value, place);
    this.bound(name.length, this.#limits.name, place, 'characters');
    return {
      name,
      version: version(members, 'version_id', place),
      minimumVersion: version(members, 'minimum_version_id', place),
      description: this.#descriptionIn(members, place),
    };
  }

  name(members: Members, key: string, place: Place): string {
    const value = members[key];
    if (typeof value !== 'string') throw unexpected(value, 'a string', { above: place, key });
    this.bound(value.length, this.#limits.name, { above: place, key }, 'characters');
    return value;
  }

  bound(found: number, most: number, place: Place, what: string): void {
    if (found > most)
      throw new VmstateError(
        'ERR_VMSTATE_LIMIT',
        pointer(place),
        `has ${found} ${what}, at most ${most} are taken`,
      );
  }

  #descriptionIn(members: Members, place: Place): Description | undefined {
    if (members.Description === undefined) return undefined;
    return this.#description(members.Description, { above: place, key: 'Description' });
  }

  #description(value: unknown, place: Place): Description {
    const members = object(value, place);
    return {
      name: this.name(members, 'name', place),
      version: version(members, 'version_id', place),
      minimumVersion: version(members, 'minimum_version_id', place),
      fields: this.#list(members, 'Fields', place)?.map((field, i) => this.#field(field, place, i)),
      subsections: (this.#list(members, 'Subsections', place) ?? []).map((subsection, i) =>
        this.#description(subsection, { above: { above: place, key: 'Subsections' }, key: i }),
      ),
    };
  }

  #field(value: unknown, description: Place, index: number): Field {
    const place = { above: { above: description, key: 'Fields' }, key: index };
    this.bound(++this.#fields, this.#limits.fields, root, 'fields');
    const members = object(value, place);
    if (typeof members.field_exists !== 'boolean')
      throw unexpected(members.field_exists, 'true or false', { above: place, key: 'field_exists' });
    return {
      name: this.name(members, 'field', place),
      version: version(members, 'version_id', place),
      conditional: members.field_exists,
      size: whole(members, 'size', place),
      count: members.num === undefined ? undefined : whole(members, 'num', place),
      description: this.#descriptionIn(members, place),
    };
  }

  #list(members: Members, key: string, place: Place): readonly unknown[] | undefined {
    const value = members[key];
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) throw unexpected(value, 'a list', { above: place, key });
    this.bound(value.length, this.#limits.list, { above: place, key }, 'entries');
    return value;
  }
}

function textOf(input: string | Uint8Array, limits: VmstateLimits): string {
  const length = typeof input === 'string' ? Buffer.byteLength(input) : input.length;
  if (length > limits.text)
    throw new VmstateError(
      'ERR_VMSTATE_LIMIT',
      'dump',
      `has ${length} bytes, at most ${limits.text} are taken`,
    );
  if (typeof input === 'string') return input;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(input);
  } catch (error) {
    throw new VmstateError('ERR_VMSTATE_JSON', 'dump', `is not UTF-8: ${asError(error).message}`);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new VmstateError('ERR_VMSTATE_JSON', 'dump', `is not JSON: ${asError(error).message}`);
  }
}

function object(value: unknown, place: Place): Members {
  if (isMembers(value)) return value;
  throw unexpected(value, 'an object', place);
}

/** A version, which is an `int` in QEMU. */
function version(members: Members, key: string, place: Place): number {
  const value = members[key];
  if (typeof value === 'number' && (value | 0) === value) return value;
  throw unexpected(value, 'a whole number of 32 bits', { above: place, key });
}

function whole(members: Members, key: string, place: Place): number {
  const value = members[key];
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 32) return value;
  throw unexpected(value, 'a whole number from 0 to 4294967295', { above: place, key });
}

function unexpected(value: unknown, expected: string, place: Place): VmstateError {
  const found = value === undefined ? 'missing' : shown(value);
  return new VmstateError('ERR_VMSTATE_SHAPE', pointer(place), `is ${found}, expected ${expected}`);
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  return JSON.stringify(value).slice(0, 80);
}

function pointer(place: Place): string {
  const tokens: (string | number)[] = [];
  for (let at = place; at.above !== undefined; at = at.above) tokens.unshift(at.key);
  return pointerOf(tokens);
}
