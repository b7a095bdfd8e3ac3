import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { asError } from '../errors.ts';
import { type CpuDefinition, type MachineInfo, type QmpClient, QmpCommandError } from '../qmp/index.ts';
import { decodeDump, type VmstateDump } from '../vmstate/index.ts';
import { askQemu, atMost, bothOf, explain, inFolder, startAlone } from './ask.ts';
import { builtInMachines } from './built-in.ts';
import type {
  CpuModel,
  DeviceType,
  MachineType,
  OwnWords,
  Property,
  QemuDescription,
  QemuProgram,
  Scalar,
} from './description.ts';
import { QemuCompatError } from './errors.ts';
import { QEMU_COMPAT_LIMITS } from './limits.ts';

/**
 * Ask the QEMU at `program` what it can do: it is started several times without a guest, asked over its monitor, and ended.
 * Takes one to two seconds. Throws `QemuCompatError` (`ERR_QEMU_START`, `ERR_QEMU_SILENT`, `ERR_QEMU_ANSWER`), a `DecodeError`
 * of its vmstate dump, or the signal's reason; nothing is left running.
 */
export async function describeQemu(
  program: QemuProgram,
  options: { signal?: AbortSignal; timeoutMs?: number } = {},
): Promise<QemuDescription> {
  const deadline = AbortSignal.timeout(options.timeoutMs ?? QEMU_COMPAT_LIMITS.describeMs);
  const signal = options.signal === undefined ? deadline : AbortSignal.any([deadline, options.signal]);
  try {
    const [own, vmstate] = await bothOf(
      signal,
      (either) => askQemu(program, ['-machine', 'none'], either, (client) => askAll(client, either)),
      (either) => dumpVmstate(program, either),
    );
    const { builtIn, queues } = await builtInMachines(program, own, signal);
    return { path: program.path, ...own, builtIn, queues, vmstate };
  } catch (error) {
    if (options.signal?.aborted === true) throw options.signal.reason;
    throw explain(program, error, deadline);
  }
}

async function askAll(client: QmpClient, signal: AbortSignal): Promise<OwnWords> {
  const options = { signal };
  const { machines: mostMachines, types: mostTypes, cpus: mostCpus } = QEMU_COMPAT_LIMITS;
  const [target, machines, definitions, types, concrete] = await Promise.all([
    client.execute('query-target', {}, options),
    askMachines(client, signal),
    askCpus(client, signal),
    client.execute('qom-list-types', { abstract: true }, options),
    client.execute('qom-list-types', { implements: 'device', abstract: false }, options),
  ]);
  atMost(types, mostTypes, 'types');
  atMost(concrete, mostTypes, 'device types');
  atMost(machines, mostMachines, 'machine types');
  const cpus = atMost(definitions, mostCpus, 'CPU models').map(cpuModel);
  const cpuTypes = new Set(cpus.map(({ type }) => type));
  let properties = 0;
  const counted = async (asked: Promise<DeviceType>): Promise<DeviceType> => {
    const device = await asked;
    properties += device.properties.size;
    if (properties <= QEMU_COMPAT_LIMITS.properties) return device;
    throw new QemuCompatError(
      'ERR_QEMU_ANSWER',
      `The devices of a QEMU have more than ${QEMU_COMPAT_LIMITS.properties} properties`,
    );
  };
  const devices = await Promise.all([
    ...concrete
      .filter(({ name }) => !cpuTypes.has(name))
      .map(({ name }) => counted(askDevice(client, name, signal))),
    ...cpus.map((cpu) => counted(askCpu(client, cpu, signal))),
  ]);
  const { version } = client.greeting;
  return {
    version: version.qemu,
    package: version.package,
    target: target.arch,
    machines: new Map(machines.map((machine) => [machine.name, machineType(machine)])),
    tellsCompat: machines.some((machine) => machine['compat-props'] !== undefined),
    types: new Map(types.map(({ name, parent }) => [name, parent])),
    devices: new Map(devices.map((device) => [device.name, device])),
    cpus: new Map(cpus.map((cpu) => [cpu.name, cpu])),
  };
}

/** With their compatibility properties, which QEMU tells from 9.1 on. */
async function askMachines(client: QmpClient, signal: AbortSignal): Promise<MachineInfo[]> {
  try {
    return await client.execute('query-machines', { 'compat-props': true }, { signal });
  } catch (error) {
    if (!(error instanceof QmpCommandError)) throw error;
    return client.execute('query-machines', {}, { signal });
  }
}

/** Not every architecture knows CPU models. */
async function askCpus(client: QmpClient, signal: AbortSignal): Promise<CpuDefinition[]> {
  try {
    return await client.execute('query-cpu-definitions', {}, { signal });
  } catch (error) {
    if (error instanceof QmpCommandError) return [];
    throw error;
  }
}

function machineType(machine: MachineInfo): MachineType {
  const compat = atMost(
    machine['compat-props'] ?? [],
    QEMU_COMPAT_LIMITS.compatProperties,
    `properties of ${machine.name}`,
  );
  return {
    name: machine.name,
    alias: machine.alias,
    deprecated: machine.deprecated,
    defaultCpu: machine['default-cpu-type'],
    compat: compat.map(({ 'qom-type': type, property, value }) => ({ type, property, value })),
  };
}

function cpuModel(definition: CpuDefinition): CpuModel {
  return {
    name: definition.name,
    type: definition.typename,
    aliasOf: definition['alias-of'],
    deprecated: definition.deprecated,
    migrationSafe: definition['migration-safe'],
    unavailable: definition['unavailable-features'] ?? [],
  };
}

async function askDevice(client: QmpClient, name: string, signal: AbortSignal): Promise<DeviceType> {
  const properties = new Map<string, Property>();
  const inner: string[] = [];
  const members = await listProperties(client, name, signal);
  for (const { name: property, type, 'default-value': value } of members) {
    const child = /^child<(.+)>$/.exec(type)?.[1];
    if (child !== undefined) inner.push(child);
    else properties.set(property, { type, value: scalar(value) });
  }
  return { name, properties, inner };
}

/** Some types cannot even be looked at without their machine. */
async function listProperties(client: QmpClient, typename: string, signal: AbortSignal) {
  try {
    return await client.execute('device-list-properties', { typename }, { signal });
  } catch (error) {
    if (error instanceof QmpCommandError) return [];
    throw error;
  }
}

/** A CPU model's defaults are those of the model, not of its type. */
async function askCpu(client: QmpClient, { name, type }: CpuModel, signal: AbortSignal): Promise<DeviceType> {
  const properties = new Map<string, Property>();
  for (const [property, value] of Object.entries(await expand(client, name, signal)))
    properties.set(property, { type: typeof value, value: scalar(value) });
  return { name: type, properties, inner: [] };
}

/** A model that this host cannot give, or a QEMU that does not expand models under this accelerator, has no properties. */
async function expand(client: QmpClient, name: string, signal: AbortSignal): Promise<object> {
  try {
    const { model } = await client.execute(
      'query-cpu-model-expansion',
      { type: 'full', model: { name } },
      { signal },
    );
    return typeof model.props === 'object' && model.props !== null ? model.props : {};
  } catch (error) {
    if (error instanceof QmpCommandError) return {};
    throw error;
  }
}

function scalar(value: unknown): Scalar | undefined {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? value
    : undefined;
}

async function dumpVmstate(program: QemuProgram, signal: AbortSignal): Promise<VmstateDump> {
  return inFolder(async (folder) => {
    const file = join(folder, 'vmstate.json');
    await using child = await startAlone(program, ['-machine', 'none', '-dump-vmstate', file], signal);
    const { code } = await child.ended(QEMU_COMPAT_LIMITS.answerMs);
    signal.throwIfAborted();
    if (code !== 0)
      throw new QemuCompatError(
        'ERR_QEMU_START',
        `${program.path} writes no vmstate dump: ${child.failure().message}`,
      );
    return decodeDump(await readDump(file, program.path));
  });
}

async function readDump(file: string, path: string): Promise<Buffer> {
  try {
    await using handle = await open(file);
    const { size } = await handle.stat();
    if (size <= QEMU_COMPAT_LIMITS.dumpBytes) return await handle.readFile();
    throw new QemuCompatError(
      'ERR_QEMU_ANSWER',
      `The vmstate dump of ${path} has ${size} bytes, at most ${QEMU_COMPAT_LIMITS.dumpBytes} are taken`,
    );
  } catch (error) {
    if (error instanceof QemuCompatError) throw error;
    throw new QemuCompatError('ERR_QEMU_START', `${path} writes no vmstate dump: ${asError(error).message}`, {
      cause: error,
    });
  }
}
