/** What devices of one type have on both sides that nobody gives them anything, and where that differs. */

import { Defaults, sameValue } from './defaults.ts';
import type { DeviceType, MachineType, QemuDescription, Scalar } from './description.ts';
import { compareNumbers, splitMachine } from './description.ts';

/** One property that differs on one machine type. */
export interface PropertyDifference {
  readonly code: 'property-default' | 'property-meaning';
  readonly property: string;
  /** What a device has at the source. */
  readonly have: Scalar;
  /** What it would have at the destination. */
  readonly want: Scalar;
  /** Which side knows the property. */
  readonly known: 'both' | 'source' | 'destination';
}

/**
 * Finds what differs between two QEMUs. Both set properties on a machine type so that devices are as they were in the
 * release that it is named after; what only one of them knows has a meaning in the other as well: that which it has on
 * the newest machine type that both have, since there it is set to what the older one does.
 */
export class Differences {
  readonly source: Defaults;
  readonly destination: Defaults;
  readonly #reference: readonly [MachineType, MachineType] | undefined;
  readonly #base = new Map<string, ReadonlySet<string>>();

  constructor(source: QemuDescription, destination: QemuDescription) {
    this.source = new Defaults(source);
    this.destination = new Defaults(destination);
    this.#reference = newestCommon(source, destination);
  }

  /** What differs for devices of type `name`, which both have, on a machine type that both have. */
  of(name: string, here: MachineType, there: MachineType): PropertyDifference[] {
    const [source, destination] = [
      this.source.description.devices.get(name),
      this.destination.description.devices.get(name),
    ];
    if (source === undefined || destination === undefined) return [];
    const [mine, theirs] = [
      this.source.overrides(here, source),
      this.destination.overrides(there, destination),
    ];
    const candidates = new Set([...this.#candidates(source, destination), ...mine.keys(), ...theirs.keys()]);
    return [...candidates].flatMap((property) => {
      const have = this.source.effective(source, mine, property)?.value;
      const want = this.destination.effective(destination, theirs, property)?.value;
      if (have !== undefined && want !== undefined)
        return sameValue(have, want)
          ? []
          : [{ code: 'property-default' as const, property, have, want, known: 'both' as const }];
      if (have !== undefined) return this.#meaning(property, have, this.source, source, 0);
      return want === undefined ? [] : this.#meaning(property, want, this.destination, destination, 1);
    });
  }

  /** `value` is what the side that knows the property gives it. */
  #meaning(
    property: string,
    value: Scalar,
    side: Defaults,
    device: DeviceType,
    index: 0 | 1,
  ): PropertyDifference[] {
    const reference = this.#reference?.[index];
    if (reference === undefined) return [];
    const without = side.effective(device, side.overrides(reference, device), property)?.value;
    if (without === undefined || sameValue(value, without)) return [];
    const [have, want] = index === 0 ? [value, without] : [without, value];
    return [
      { code: 'property-meaning', property, have, want, known: index === 0 ? 'source' : 'destination' },
    ];
  }

  /** Properties that may differ on any machine type: those whose own defaults differ, and those of one side alone. */
  #candidates(source: DeviceType, destination: DeviceType): ReadonlySet<string> {
    const known = this.#base.get(source.name);
    if (known !== undefined) return known;
    const found = new Set<string>();
    for (const property of new Set([...source.properties.keys(), ...destination.properties.keys()])) {
      const [have, want] = [
        source.properties.get(property)?.value,
        destination.properties.get(property)?.value,
      ];
      if (have === undefined || want === undefined ? have !== want : !sameValue(have, want))
        found.add(property);
    }
    this.#base.set(source.name, found);
    return found;
  }
}

/** The newest machine type with a version that both have. */
function newestCommon(
  source: QemuDescription,
  destination: QemuDescription,
): readonly [MachineType, MachineType] | undefined {
  let newest: { pair: readonly [MachineType, MachineType]; version: readonly number[] } | undefined;
  for (const [name, here] of source.machines) {
    const there = destination.machines.get(name);
    const { version } = splitMachine(name);
    if (there === undefined || version === undefined) continue;
    if (newest === undefined || compareNumbers(version, newest.version) > 0)
      newest = { pair: [here, there], version };
  }
  return newest?.pair;
}
