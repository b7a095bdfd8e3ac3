/** Descriptions of QEMUs that are as small as a test needs them. */
import { splitMachine } from '../../../src/qemu-compat/description.ts';
import type { QemuDescription, Scalar } from '../../../src/qemu-compat/index.ts';

export interface World {
  readonly version?: string;
  /** Machine types with what they set, as `type.property=value`, in their order. */
  readonly machines?: Readonly<Record<string, readonly string[]>>;
  readonly deprecated?: readonly string[];
  readonly aliases?: Readonly<Record<string, string>>;
  /** Device types: what each is made from, and its defaults. */
  readonly devices?: Readonly<Record<string, DeviceOf>>;
  readonly builtIn?: Readonly<Record<string, readonly string[]>>;
  readonly queues?: QemuDescription['queues'];
}

export interface DeviceOf {
  readonly from?: string;
  readonly inner?: readonly string[];
  readonly has?: Readonly<Record<string, Scalar | undefined>>;
}

export function qemu(world: World = {}): QemuDescription {
  const [major = 0, minor = 0, micro = 0] = (world.version ?? '10.0.0').split('.').map(Number);
  const devices = Object.entries(world.devices ?? {});
  const types = new Map<string, string | undefined>([['device', undefined]]);
  for (const [name, { from = 'device' }] of devices) {
    if (!types.has(from)) types.set(from, 'device');
    types.set(name, from);
  }
  return {
    path: '/qemu',
    version: { major, minor, micro },
    package: '',
    target: 'x86_64',
    tellsCompat: true,
    machines: new Map(
      Object.entries(world.machines ?? {}).map(([name, sets]) => [
        name,
        {
          name,
          alias: world.aliases?.[name],
          deprecated: world.deprecated?.includes(name) ?? false,
          defaultCpu: undefined,
          compat: sets.map((text) => {
            const [, type = '', property = '', value = ''] = /^([^.]+)\.([^=]+)=(.*)$/.exec(text) ?? [];
            return { type, property, value };
          }),
        },
      ]),
    ),
    types,
    devices: new Map(
      devices.map(([name, { has = {}, inner = [] }]) => [
        name,
        {
          name,
          inner,
          properties: new Map(
            Object.entries(has).map(([property, value]) => [property, { type: typeOf(value), value }]),
          ),
        },
      ]),
    ),
    cpus: new Map(),
    builtIn: new Map(
      Object.entries({ ...seen(world), ...world.builtIn }).map(([family, names]) => [
        family,
        { types: new Set(names) },
      ]),
    ),
    queues: world.queues ?? 'as-asked',
    vmstate: { machine: 'none', devices: new Map() },
  };
}

/** Every family was looked at, and brings nothing along. */
function seen({ machines = {} }: World): Record<string, readonly string[]> {
  return Object.fromEntries(Object.keys(machines).map((name) => [splitMachine(name).family, []]));
}

function typeOf(value: Scalar | undefined): string {
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'number' ? 'uint32' : 'str';
}
