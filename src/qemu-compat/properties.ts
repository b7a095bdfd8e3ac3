import { sameValue } from './defaults.ts';
import { formatQemuVersion, type Scalar } from './description.ts';
import { Differences, type PropertyDifference } from './differences.ts';
import type { CommonMachine, Found, Gatherer } from './gatherer.ts';
import { groupTypes } from './groups.ts';

/** Settings of the program itself, which no guest sees and no stream carries. */
const HOST_SIDE = /^migration\.tls-/;

/** One difference, with the machine types and device types that have it. */
interface Group {
  readonly difference: PropertyDifference;
  readonly types: string[];
}

/** What devices have that were not given it: a VM that is started alike at the destination would have something else. */
export function compareProperties(gatherer: Gatherer, common: readonly CommonMachine[]): void {
  const differences = new Differences(gatherer.source, gatherer.destination);
  for (const { name: machine, here, there } of common) {
    const groups = new Map<string, Group>();
    for (const type of gatherer.types) {
      const all = outerOnly(gatherer, differences, type, here, there);
      for (const difference of stillOpen(gatherer, type, all)) {
        const key = JSON.stringify([difference.code, difference.property, difference.have, difference.want]);
        const group = groups.get(key) ?? { difference, types: [] };
        group.types.push(type);
        groups.set(key, group);
      }
    }
    for (const { difference, types } of groups.values())
      for (const device of groupTypes(gatherer, types))
        if (!HOST_SIDE.test(`${device}.${difference.property}`))
          gatherer.add([machine], reasonFor(device, difference));
    given(gatherer, differences, { name: machine, here, there });
  }
}

/** Without what the device within it differs in as well. */
function outerOnly(
  { source }: Gatherer,
  differences: Differences,
  type: string,
  here: CommonMachine['here'],
  there: CommonMachine['there'],
): PropertyDifference[] {
  const all = differences.of(type, here, there);
  const inner =
    all.length === 0
      ? []
      : (source.devices.get(type)?.inner ?? []).flatMap((one) => differences.of(one, here, there));
  return all.filter((one) => !inner.some((other) => isSame(one, other)));
}

function isSame(a: PropertyDifference, b: PropertyDifference): boolean {
  return (
    a.code === b.code && a.property === b.property && sameValue(a.have, b.have) && sameValue(a.want, b.want)
  );
}

/**
 * What still differs when the devices of the VM in question are looked at: without those that have already what they would
 * get at the destination. Others are told with what they have: whether somebody gave it to them is not known.
 */
function stillOpen(
  gatherer: Gatherer,
  type: string,
  all: readonly PropertyDifference[],
): readonly PropertyDifference[] {
  const used = gatherer.used(type) ?? [];
  return all.flatMap((difference) => {
    const values = new Set(used.flatMap(({ properties }) => properties.get(difference.property) ?? []));
    if (values.size === 0) return [difference];
    const differing = [...values].filter((value) => !sameValue(value, difference.want));
    return differing.map((have) => ({ ...difference, have }));
  });
}

function reasonFor(device: string, { code, property, have, want, known }: PropertyDifference): Found {
  const parameter = `${device}.${property}`;
  const texts = { have: format(have), want: format(want) };
  if (code === 'property-default')
    return {
      code,
      answer: 'unproven',
      device,
      parameter,
      ...texts,
      message: `${parameter} is ${texts.have} at the source and would be ${texts.want} at the destination`,
      remedy: `Start the destination with -global ${parameter}=${texts.have}`,
    };
  const [knows, lacks] = known === 'destination' ? ['destination', 'source'] : ['source', 'destination'];
  return {
    code,
    answer: 'unproven',
    device,
    parameter,
    ...texts,
    message: `${parameter} is known at the ${knows} alone, where it is ${known === 'destination' ? texts.want : texts.have}; the ${lacks} behaves as if it were ${known === 'destination' ? texts.have : texts.want}`,
    remedy:
      known === 'destination'
        ? `Start the destination with -global ${parameter}=${texts.have}`
        : `Start the VM anew at the source with -global ${parameter}=${texts.want}`,
  };
}

/** What a VM's devices were given, or QEMU worked out for them, by properties that the destination does not know. */
function given(gatherer: Gatherer, differences: Differences, { name, here }: CommonMachine): void {
  for (const { type, path, added, properties } of gatherer.use?.devices ?? []) {
    const [device, there] = [gatherer.source.devices.get(type), gatherer.destination.devices.get(type)];
    if (!added || device === undefined || there === undefined) continue;
    const overrides = differences.source.overrides(here, device);
    for (const [property, value] of properties) {
      const byDefault = differences.source.effective(device, overrides, property)?.value;
      if (byDefault === undefined || sameValue(value, byDefault) || there.properties.has(property)) continue;
      gatherer.add([name], {
        code: 'property-missing',
        answer: 'unproven',
        device: type,
        parameter: `${type}.${property}`,
        have: format(value),
        message: `${path} has ${property}=${format(value)}, which QEMU ${formatQemuVersion(gatherer.destination)} does not know`,
        remedy: `Start the VM anew without ${property}, or with ${property}=${format(byDefault)}, if it was given`,
      });
    }
  }
}

/** As QEMU takes it on its command line. */
function format(value: Scalar): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return String(value);
}
