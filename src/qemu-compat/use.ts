import { type QmpClient, QmpCommandError } from '../qmp/index.ts';
import type { UsedDevice, VmUse } from './comparison.ts';
import { ancestry, type QemuDescription, type Scalar } from './description.ts';
import { Differences } from './differences.ts';
import { listObjects, type MachineObject } from './objects.ts';
import { QUEUE_SIZES } from './queues.ts';

/** Where devices are that somebody added. */
const ADDED = /^\/machine\/peripheral(-anon)?\//;

/**
 * What the VM behind `client` uses of its QEMU, which `source` describes, as far as it matters for a move to `destination`.
 * Asked by `qom-list` and `qom-get` alone: nothing is touched. Throws what the client throws, and `ERR_QEMU_ANSWER` for a
 * machine beyond the limits.
 */
export async function gatherUse(
  client: QmpClient,
  source: QemuDescription,
  destination: QemuDescription,
  { signal }: { signal: AbortSignal },
): Promise<VmUse> {
  const [type, cpus, objects] = await Promise.all([
    client.execute('qom-get', { path: '/machine', property: 'type' }, { signal }),
    client.execute('query-cpus-fast', {}, { signal }),
    listObjects(client, '/machine', signal),
  ]);
  const machine = String(type).replace(/-machine$/, '');
  const wanted = differing(source, destination, machine);
  const cpuPaths = new Set(cpus.map((cpu) => cpu['qom-path']));
  const devices = await Promise.all(
    objects
      .filter((object) => isDevice(source, object))
      .map((object) => useOf(client, object, wanted(object.type), signal)),
  );
  return {
    machine,
    cpus: [...new Set(objects.filter(({ path }) => cpuPaths.has(path)).map((object) => object.type))],
    devices,
  };
}

/** Types that the description does not know are kept: nothing is known of them. */
function isDevice({ types }: QemuDescription, { type }: MachineObject): boolean {
  return !types.has(type) || ancestry(types, type).has('device');
}

/** Which properties of a type are worth asking for: those that differ, those the destination lacks, sizes of queues. */
function differing(
  source: QemuDescription,
  destination: QemuDescription,
  machine: string,
): (type: string) => readonly string[] {
  const differences = new Differences(source, destination);
  const [here, there] = [source.machines.get(machine), destination.machines.get(machine)];
  const known = new Map<string, readonly string[]>();
  const find = (type: string): readonly string[] => {
    const [mine, theirs] = [source.devices.get(type), destination.devices.get(type)];
    if (mine === undefined || theirs === undefined || here === undefined || there === undefined) return [];
    const found = new Set(differences.of(type, here, there).map(({ property }) => property));
    // Without a default there is nothing to compare it with
    for (const [property, { value }] of mine.properties)
      if (value !== undefined && (QUEUE_SIZES.includes(property) || !theirs.properties.has(property)))
        found.add(property);
    return [...found];
  };
  return (type) => {
    const names = known.get(type) ?? find(type);
    known.set(type, names);
    return names;
  };
}

async function useOf(
  client: QmpClient,
  { path, type }: MachineObject,
  names: readonly string[],
  signal: AbortSignal,
): Promise<UsedDevice> {
  const added = ADDED.test(path);
  const properties = new Map<string, Scalar>();
  if (added)
    await Promise.all(
      names.map(async (name) => {
        const value = await readValue(client, path, name, signal);
        if (value !== undefined) properties.set(name, value);
      }),
    );
  return { type, path, added, properties };
}

/** Some properties cannot be read, or only at times. */
async function readValue(
  client: QmpClient,
  path: string,
  property: string,
  signal: AbortSignal,
): Promise<Scalar | undefined> {
  try {
    const value = await client.execute('qom-get', { path, property }, { signal });
    return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
      ? value
      : undefined;
  } catch (error) {
    if (error instanceof QmpCommandError) return undefined;
    throw error;
  }
}
