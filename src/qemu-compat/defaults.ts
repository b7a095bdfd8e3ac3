/** What devices have by default on a machine type: the defaults of their type, overridden by the machine type's own. */
import {
  ancestry,
  type CompatProperty,
  type DeviceType,
  type MachineType,
  type QemuDescription,
  type Scalar,
} from './description.ts';

/** What is known about a property of a device that nobody gives it. */
export interface Default {
  /** Undefined where QEMU does not say. */
  readonly value: Scalar | undefined;
  /** Whether the machine type sets it. */
  readonly overridden: boolean;
}

/** Reads defaults out of one description. What is the same for every machine type is worked out once. */
export class Defaults {
  readonly description: QemuDescription;
  readonly #ancestries = new Map<string, ReadonlySet<string>>();
  readonly #byType = new Map<string, ReadonlyMap<string, readonly CompatProperty[]>>();

  constructor(description: QemuDescription) {
    this.description = description;
  }

  /** What `machine` sets for devices of `type`: its own properties, and those of the device within it. Later ones win. */
  overrides(machine: MachineType, device: DeviceType): Map<string, Scalar> {
    const found = new Map<string, Scalar>();
    // A device within another one is made first: what is set for the outer one comes after it
    for (const type of [...device.inner, device.name])
      for (const { property, value } of this.#matching(machine, type))
        found.set(property, normalise(value, device.properties.get(property)?.type));
    return found;
  }

  /** What a device of `type` has on `machine` that nobody gives it `property`; undefined: no such property. */
  effective(
    device: DeviceType,
    overrides: ReadonlyMap<string, Scalar>,
    property: string,
  ): Default | undefined {
    const own = device.properties.get(property);
    const set = overrides.get(property);
    if (set !== undefined) return { value: set, overridden: true };
    return own === undefined ? undefined : { value: normalised(own.value, own.type), overridden: false };
  }

  /** Compatibility properties for `type` and what it is made from, in the order of the machine type. */
  #matching(machine: MachineType, type: string): readonly CompatProperty[] {
    const byType = this.#byType.get(machine.name) ?? Map.groupBy(machine.compat, (property) => property.type);
    this.#byType.set(machine.name, byType);
    const ancestors = this.#ancestries.get(type) ?? ancestry(this.description.types, type);
    this.#ancestries.set(type, ancestors);
    const lists = [...ancestors].flatMap((ancestor) => byType.get(ancestor) ?? []);
    if (lists.length < 2) return lists;
    const wanted = new Set(lists);
    return machine.compat.filter((property) => wanted.has(property));
  }
}

const ON: ReadonlySet<string> = new Set(['on', 'true', 'yes', 'y']);
const OFF: ReadonlySet<string> = new Set(['off', 'false', 'no', 'n']);
const SUFFIXES = 'BKMGTPE';

/** The one form of a text that QEMU reads as a property of `type`: `on` is true, `0x10` is 16, `4K` is 4096. */
export function normalise(text: string, type = ''): Scalar {
  const isNumber = /^u?int|^size$|^number$|^$/.test(type);
  if (/^(bool|boolean)$/.test(type) || (isNumber && type === '')) {
    if (ON.has(text)) return true;
    if (OFF.has(text)) return false;
  }
  if (isNumber && /^-?(0x[0-9a-f]+|\d+)$/i.test(text))
    return text.startsWith('-') ? -Number(text.slice(1)) : Number(text);
  const sized = type === 'size' ? /^(\d+)([BKMGTPE])$/i.exec(text) : null;
  if (sized !== null) return Number(sized[1]) * 1024 ** SUFFIXES.indexOf(sized[2]!.toUpperCase());
  return text;
}

function normalised(value: Scalar | undefined, type: string): Scalar | undefined {
  return typeof value === 'string' ? normalise(value, type) : value;
}

/** Whether QEMU makes the same of both. A number of 32 or 64 bits may be told with or without a sign. */
export function sameValue(a: Scalar, b: Scalar): boolean {
  if (a === b) return true;
  if (typeof a !== 'number' || typeof b !== 'number') return false;
  const [low, high] = a < b ? [a, b] : [b, a];
  return low < 0 && [8, 16, 32, 64].some((bits) => low + 2 ** bits === high);
}
