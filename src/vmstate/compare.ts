import type { VmstateDevice, VmstateDump } from './dump.ts';
import { Findings, type Place, type VmstateReason } from './reason.ts';
import { compareState, compareVersions, unmigratable } from './state.ts';

export interface CompareOptions {
  /** QOM types in use, as the dump names them; all of the source's by default. Those without a description have no state. */
  readonly only?: Iterable<string>;
  /** What the destination is called in the reasons. */
  readonly where?: string;
}

/**
 * What speaks against a migration from the QEMU that wrote `source` to the one that wrote `destination`, device by
 * device in the order of their names; empty when both describe the same state. `answerOf` tells the answer to all.
 *
 * What QEMU does: the source sends, under the name of the device's description, its version, its fields, and the
 * subsections that are needed. The destination refuses names that it does not know and versions beyond its own, and reads
 * the fields that its description has for the version of the stream: nothing there says where a field begins, or of what
 * kind it is. Structures inside are sent without a version, and read by the destination's own. What the destination has
 * beyond that, devices and subsections, is not missed. What depends on the state of the guest is `unproven`, never `no`.
 */
export function compareDumps(
  source: VmstateDump,
  destination: VmstateDump,
  options: CompareOptions = {},
): VmstateReason[] {
  const findings = new Findings(options.where);
  const only = options.only && new Set(options.only);
  const reasons: VmstateReason[] = [];
  if (source.machine !== destination.machine) {
    reasons.push({
      code: 'machine',
      answer: 'yes',
      have: source.machine,
      want: destination.machine,
      message: `The dumps were made for ${source.machine} and ${destination.machine}; they describe every device all the same`,
      ...(options.where !== undefined && { where: options.where }),
    });
  }
  const newNames = onlyIn(destination, source);
  for (const device of source.devices.values()) {
    if (only !== undefined && !only.has(device.name)) continue;
    const there = destination.devices.get(device.name);
    if (there === undefined) deviceIsMissing(device, newNames, findings);
    else compareDevices(device, there, findings);
  }
  return [...reasons, ...findings.reasons];
}

/** The devices of `dump` that `other` does not know, by what their state is called in the stream. */
function onlyIn(dump: VmstateDump, other: VmstateDump): ReadonlyMap<string, readonly VmstateDevice[]> {
  const devices = [...dump.devices.values()].filter(({ name }) => !other.devices.has(name));
  return Map.groupBy(devices, (device) => placeOf(device).description);
}

function deviceIsMissing(
  device: VmstateDevice,
  newNames: ReadonlyMap<string, readonly VmstateDevice[]>,
  findings: Findings,
): void {
  const place = placeOf(device);
  const renamed = newNames.get(place.description) ?? [];
  const [only] = renamed;
  if (only !== undefined && renamed.length === 1 && hasSameState(device, only)) {
    findings.add(place, {
      code: 'device-renamed',
      answer: 'unproven',
      have: device.name,
      want: only.name,
      message: `The destination has no device ${device.name}, and one called ${only.name} with the same state`,
      remedy: `Start the destination with ${only.name} in its place`,
    });
    return;
  }
  findings.add(place, {
    code: 'device',
    answer: 'no',
    have: device.name,
    message: `The destination has no state of a device ${device.name}`,
    remedy: 'Choose a destination that has the device, or remove it from the machine first',
  });
}

function hasSameState(device: VmstateDevice, other: VmstateDevice): boolean {
  if (device.description?.fields === undefined) return false;
  const findings = new Findings(undefined);
  compareDevices(device, other, findings);
  return findings.reasons.length === 0;
}

function compareDevices(source: VmstateDevice, destination: VmstateDevice, findings: Findings): void {
  const place = placeOf(source);
  compareVersions(source, destination, place, findings);
  const [have, want] = [source.description, destination.description];
  if (have === undefined || want === undefined) {
    if (have !== want) unmigratable(have === undefined, place, findings);
    return;
  }
  if (have.name !== want.name) {
    findings.add(place, {
      code: 'name',
      answer: 'no',
      have: have.name,
      want: want.name,
      message: `The state of ${source.name} is called ${have.name} in the stream, the destination waits for ${want.name}`,
    });
  }
  const repeated = have.version === source.version && want.version === destination.version;
  if (!repeated || want.minimumVersion !== destination.minimumVersion)
    compareVersions(have, want, place, findings);
  compareState(have, want, have.version, place, findings);
}

function placeOf({ name, description }: VmstateDevice): Place {
  return { device: name, description: description?.name ?? name, path: name, optional: false };
}
