import type { MigrationDetails, StatusReport } from '../control/index.ts';
import type {
  BlockNodeInfo,
  ChardevInfo,
  JobInfo,
  MemoryBackendInfo,
  MigrationInfo,
  MigrationParameters,
  PciBusInfo,
  PciDeviceInfo,
  QmpGreeting,
  StatusInfo,
} from '../qmp/index.ts';
import { formatQmpAddress, QmpCommandError } from '../qmp/index.ts';
import type { BackEndInquiry } from './inquiry.ts';
import type { Side } from './side.ts';

/** A device that was added with `-device` or `device_add`. */
export interface Peripheral {
  readonly path: string;
  /** Its `id`, or a name that QEMU gave it. */
  readonly name: string;
  readonly type: string;
  /** `queue-size` of a vhost-user device that has it. */
  readonly queueSize: number | undefined;
}

/** A PCI function: where it sits and what it is. */
export interface PciFunction {
  readonly address: string;
  readonly id: string;
  readonly identity: string;
}

/** A Ferry back end that one of the VM's character devices leads to. */
export interface BackEnd {
  readonly chardev: string;
  readonly socketPath: string;
  readonly status: StatusReport;
  /** Its migration parameters; undefined where it has none, or is too old to say. */
  readonly parameters?: MigrationDetails | undefined;
}

/** What one QEMU says about itself. Gathered by queries alone. */
export interface SideFacts {
  readonly monitor: string;
  readonly pid: number | undefined;
  readonly version: QmpGreeting['version'];
  readonly name: string | undefined;
  readonly uuid: string;
  readonly arch: string;
  readonly machine: string;
  readonly machines: readonly string[];
  readonly cpuTypes: readonly string[];
  readonly status: StatusInfo;
  readonly migration: MigrationInfo;
  readonly capabilities: ReadonlyMap<string, boolean>;
  readonly parameters: MigrationParameters;
  readonly memory: number;
  readonly memoryBackends: readonly MemoryBackendInfo[];
  readonly peripherals: readonly Peripheral[];
  readonly pci: readonly PciFunction[];
  readonly jobs: readonly JobInfo[];
  readonly disks: readonly BlockNodeInfo[];
  readonly backEnds: readonly BackEnd[];
}

/** One side alone: what can be told before there is a destination. */
export interface SourceFacts {
  readonly source: SideFacts;
}

/** Both sides, and how the stream would go. */
export interface Facts extends SourceFacts {
  readonly destination: SideFacts;
  /** Whether both monitors are unix sockets, that is both QEMUs are taken to be on this host. */
  readonly local: boolean;
  /** The URI the caller asked for. */
  readonly uri: string | undefined;
}

/** Ask one side everything the checks want to know. Only stable queries: `x-query-virtio-status` kills QEMU 11.1. */
export async function gatherFacts(
  side: Side,
  backEnds: BackEndInquiry,
  signal: AbortSignal,
): Promise<SideFacts> {
  const options = { signal };
  const { client } = side;
  const [name, uuid, target, machine, machines, cpus, status, migration] = await Promise.all([
    client.execute('query-name', {}, options),
    client.execute('query-uuid', {}, options),
    client.execute('query-target', {}, options),
    typeOf(side, '/machine', signal),
    client.execute('query-machines', {}, options),
    client.execute('query-cpus-fast', {}, options),
    client.execute('query-status', {}, options),
    client.execute('query-migrate', {}, options),
  ]);
  const [capabilities, parameters, memory, memoryBackends, pci, jobs, disks, chardevs] = await Promise.all([
    client.execute('query-migrate-capabilities', {}, options),
    client.execute('query-migrate-parameters', {}, options),
    client.execute('query-memory-size-summary', {}, options),
    client.execute('query-memdev', {}, options),
    queryPci(side, signal),
    client.execute('query-jobs', {}, options),
    client.execute('query-named-block-nodes', { flat: true }, options),
    client.execute('query-chardev', {}, options),
  ]);
  return {
    monitor: formatQmpAddress(client.address),
    pid: side.pid,
    version: client.greeting.version,
    name: name.name,
    uuid: uuid.UUID,
    arch: target.arch,
    machine: machine.replace(/-machine$/, ''),
    machines: machines.map((one) => one.name),
    cpuTypes: await Promise.all(cpus.map((cpu) => typeOf(side, cpu['qom-path'], signal))),
    status,
    migration,
    capabilities: new Map(capabilities.map(({ capability, state }) => [capability, state])),
    parameters,
    memory: memory['base-memory'] + (memory['plugged-memory'] ?? 0),
    memoryBackends,
    peripherals: (
      await Promise.all(
        ['/machine/peripheral', '/machine/peripheral-anon'].map((at) => children(side, at, signal)),
      )
    ).flat(),
    pci: pci.flatMap((bus) => bus.devices.flatMap(functions)),
    jobs,
    disks,
    backEnds: await askBackEnds(chardevs, backEnds, signal),
  };
}

async function typeOf(side: Side, path: string, signal: AbortSignal): Promise<string> {
  return String(await side.client.execute('qom-get', { path, property: 'type' }, { signal }));
}

/** A machine without PCI refuses the question. */
async function queryPci(side: Side, signal: AbortSignal): Promise<PciBusInfo[]> {
  try {
    return await side.client.execute('query-pci', {}, { signal });
  } catch (error) {
    if (error instanceof QmpCommandError) return [];
    throw error;
  }
}

async function children(side: Side, at: string, signal: AbortSignal): Promise<Peripheral[]> {
  const members = await side.client.execute('qom-list', { path: at }, { signal });
  return Promise.all(
    members.flatMap(({ name, type }) => {
      const child = /^child<(.+)>$/.exec(type)?.[1];
      return child === undefined ? [] : [peripheral(side, `${at}/${name}`, name, child, signal)];
    }),
  );
}

async function peripheral(
  side: Side,
  path: string,
  name: string,
  type: string,
  signal: AbortSignal,
): Promise<Peripheral> {
  let queueSize: number | undefined;
  if (type.startsWith('vhost-user-fs')) {
    const size = await side.client.execute('qom-get', { path, property: 'queue-size' }, { signal });
    queueSize = typeof size === 'number' ? size : undefined;
  }
  return { path, name, type, queueSize };
}

const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0');

function functions(device: PciDeviceInfo): PciFunction[] {
  const { id, bus, slot, function: number } = device;
  const own: PciFunction = {
    address: `${hex(bus, 2)}:${hex(slot, 2)}.${number}`,
    id: device.qdev_id,
    identity: `${hex(id.vendor, 4)}:${hex(id.device, 4)}`,
  };
  return [own, ...(device.pci_bridge?.devices ?? []).flatMap(functions)];
}

async function askBackEnds(
  chardevs: readonly ChardevInfo[],
  inquiry: BackEndInquiry,
  signal: AbortSignal,
): Promise<BackEnd[]> {
  const asked = chardevs.map(async ({ label, filename }) => {
    const socketPath = /^unix:([^,]+)$/.exec(filename)?.[1];
    if (socketPath === undefined) return [];
    const status = await inquiry.status(socketPath, signal);
    if (status === undefined) return [];
    const parameters =
      status.migration === null ? undefined : await inquiry.migrationInfo(socketPath, signal);
    return [{ chardev: label, socketPath, status, parameters }];
  });
  return (await Promise.all(asked)).flat();
}
