import { type QmpClient, QmpCommandError } from '../qmp/index.ts';
import type { UsedDevice, VmUse } from './comparison.ts';
import { ancestry, type QemuDescription, type Scalar } from './description.ts';
import { listObjects, type MachineObject } from './objects.ts';

/** Where devices are that somebody added. */
const ADDED = /^\/machine\/peripheral(-anon)?\//;

/**
 * What the VM behind `client` uses of its QEMU, which `description` describes. Asked by `qom-list` and `qom-get` alone:
 * nothing is touched. Throws what the client throws, and `ERR_QEMU_ANSWER` for a machine beyond the limits.
 */
export async function gatherUse(
  client: QmpClient,
  description: QemuDescription,
  { signal }: { signal: AbortSignal },
): Promise<VmUse> {
  const [type, cpus, objects] = await Promise.all([
    client.execute('qom-get', { path: '/machine', property: 'type' }, { signal }),
    client.execute('query-cpus-fast', {}, { signal }),
    listObjects(client, '/machine', signal),
  ]);
  const cpuPaths = new Set(cpus.map((cpu) => cpu['qom-path']));
  const devices = await Promise.all(
    objects
      .filter((object) => isDevice(description, object))
      .map((object) => useOf(client, description, object, signal)),
  );
  return {
    machine: String(type).replace(/-machine$/, ''),
    cpus: [...new Set(objects.filter(({ path }) => cpuPaths.has(path)).map((object) => object.type))],
    devices,
  };
}

/** Types that the description does not know are kept: nothing is known of them. */
function isDevice({ types }: QemuDescription, { type }: MachineObject): boolean {
  return !types.has(type) || ancestry(types, type).has('device');
}

async function useOf(
  client: QmpClient,
  { devices }: QemuDescription,
  { path, type }: MachineObject,
  signal: AbortSignal,
): Promise<UsedDevice> {
  const added = ADDED.test(path);
  const properties = new Map<string, Scalar>();
  if (added)
    await Promise.all(
      [...(devices.get(type)?.properties ?? [])].map(async ([property, { value }]) => {
        // Without a default there is nothing to compare it with
        const now = value === undefined ? undefined : await readValue(client, path, property, signal);
        if (now !== undefined) properties.set(property, now);
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
